#include "storage/hot/vertex_pool.h"

#include <utility>

namespace engram {

/// What the number of a record that is gone leads to: the key index may still have it.
VertexRecord* VertexPool::empty_slab() {
  static std::array<VertexRecord, slab_size> records;
  return records.data();
}

void VertexPool::make_slab() {
  if (vacant_.empty()) {
    vacant_.push_back(static_cast<std::uint32_t>(slabs_.size()));
    slabs_.push_back(empty_slab());
    states_.emplace_back();
  }
  std::uint32_t slab = vacant_.back();
  vacant_.pop_back();
  SlabState& state = states_[slab];
  state.records = std::make_unique<VertexRecord[]>(slab_size);
  state.place = static_cast<std::uint32_t>(with_room_.size());
  slabs_[slab] = state.records.get();
  with_room_.push_back(slab);
}

void VertexPool::give_back(std::uint32_t slab) {
  std::uint32_t last = with_room_.back();
  with_room_[states_[slab].place] = last;
  states_[last].place = states_[slab].place;
  with_room_.pop_back();
  states_[slab] = {};
  slabs_[slab] = empty_slab();
  vacant_.push_back(slab);
}

RecordNumber VertexPool::add(LocalId id) {
  if (with_room_.empty()) make_slab();
  std::uint32_t slab = with_room_.back();
  SlabState& state = states_[slab];
  RecordNumber number = state.free;
  if (number != no_record) {
    state.free = record(number).newer;
  } else {
    number = static_cast<RecordNumber>(slab * slab_size + ++state.fresh);
  }
  if (++state.used == slab_size) with_room_.pop_back();
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
  auto slab = static_cast<std::uint32_t>((number - 1) / slab_size);
  SlabState& state = states_[slab];
  record(number) = VertexRecord{};
  record(number).newer = std::exchange(state.free, number);
  if (state.used == slab_size) {
    state.place = static_cast<std::uint32_t>(with_room_.size());
    with_room_.push_back(slab);
  }
  if (--state.used == 0) give_back(slab);
  if (--pages_[page]->used == 0) {
    pages_[page].reset();
    --page_count_;
  }
  --records_;
}

}  // namespace engram
