#include "storage/hot/vertex_pool.h"

#include <utility>

namespace engram {

RecordNumber VertexPool::add(LocalId id) {
  RecordNumber number = free_;
  if (number != no_record) {
    free_ = record(number).newer;
  } else {
    number = next_++;
    if ((number - 1) / slab_size == slabs_.size()) slabs_.push_back(std::make_unique<Slab>());
  }
  VertexRecord& added = record(number);
  added.id = id.value;
  added.newer = no_record;

  std::uint64_t page = id.value / page_size;
  if (page >= pages_.size()) pages_.resize(page + 1);
  if (pages_[page] == nullptr) {
    pages_[page] = std::make_unique<Page>();
    ++page_count_;
  }
  pages_[page]->numbers[id.value % page_size] = number;
  ++pages_[page]->used;
  ++records_;
  return number;
}

void VertexPool::remove(LocalId id) {
  std::uint64_t page = id.value / page_size;
  RecordNumber number = std::exchange(pages_[page]->numbers[id.value % page_size], no_record);
  record(number) = VertexRecord{};
  record(number).newer = std::exchange(free_, number);
  if (--pages_[page]->used == 0) {
    pages_[page].reset();
    --page_count_;
  }
  --records_;
}

}  // namespace engram
