#include "tools/import/progress.h"

#include <algorithm>

#include "storage/base/number_text.h"

namespace engram::import {

std::string progress_text(const ProgressState& state, std::int64_t elapsed_ns) {
  double seconds = std::max(static_cast<double>(elapsed_ns) / 1e9, 1e-3);
  std::string text = state.what;
  double share = 0;
  if (state.total_bytes > 0) {
    share = std::min(1.0, static_cast<double>(state.done_bytes) / static_cast<double>(state.total_bytes));
    auto filled = static_cast<std::size_t>(share * 20);
    text += "  [" + std::string(filled, '#') + std::string(20 - filled, '-') + "]  ";
    text += std::to_string(static_cast<int>(share * 100)) + " %";
  }
  text += "  " + grouped(state.rows) + " rows  ";
  text += grouped(static_cast<std::uint64_t>(static_cast<double>(state.rows) / seconds)) + " rows/s";
  if (share > 0.01)
    text += "  " + std::to_string(static_cast<std::int64_t>(seconds / share - seconds + 0.5)) + " s left";
  return text;
}

void ProgressLine::draw(const ProgressState& state) {
  if (out_ == nullptr) return;
  drawn_ns_ = clock_.monotonic_ns();
  visible_ = true;
  std::fprintf(out_, "\r\x1b[K%s", progress_text(state, drawn_ns_ - started_ns_).c_str());
  std::fflush(out_);
}

void ProgressLine::clear() {
  if (!visible_) return;
  visible_ = false;
  std::fputs("\r\x1b[K", out_);
  std::fflush(out_);
}

}  // namespace engram::import
