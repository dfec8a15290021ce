#include "tools/import/import_job.h"

#include <algorithm>
#include <map>

namespace engram::import {

ImportJob::ImportJob(ImportOptions options, Files& files, ProgressLine& progress)
    : options_(std::move(options)), files_(files), progress_(progress) {}

ReadOptions ImportJob::read_options(Expected expected) const {
  ReadOptions read = options_.read;
  read.layout.expected = expected;
  read.decoder.prefix_id_groups = options_.prefix_id_groups.value_or(false);
  return read;
}

Status ImportJob::open() {
  if (Status status = check_named_once(); !status.ok()) return status;
  for (const auto& input : options_.inputs)
    if (Status status = open_input(input); !status.ok()) return status;
  if (Status status = check_id_groups(); !status.ok()) return status;
  if (!options_.reject_path.empty()) {
    std::vector<std::string> inputs;
    for (const auto& input : options_.inputs) inputs.push_back(input.path);
    auto rejects = RejectFile::create(files_, options_.reject_path, inputs);
    if (!rejects.ok()) return rejects.status();
    rejects_ = std::move(rejects).value();
  }
  feeder_.emplace(options_.feeder, rejects_.get());
  return {};
}

/// Two readers of one pipe would get a part of it each, or wait for ever.
Status ImportJob::check_named_once() const {
  auto is_input = [](const InputFile& input) { return input.path == "-"; };
  if (std::count_if(options_.inputs.begin(), options_.inputs.end(), is_input) > 1)
    return {Code::invalid_argument, "standard input can be named only once"};
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> pipes;
  for (const auto& input : options_.inputs) {
    auto pipe = pipe_identity(input.path);
    if (!pipe) continue;
    auto [named, is_first] = pipes.emplace(*pipe, input.path);
    if (is_first) continue;
    return {Code::invalid_argument, input.path + " is a pipe that is named twice" +
                                        (named->second == input.path ? "" : " (as " + named->second + " too)") +
                                        ": what comes through it can be read only once"};
  }
  return {};
}

/// With several groups of ids, the user has to say whether the same id in two of them is the same vertex.
Status ImportJob::check_id_groups() const {
  if (options_.prefix_id_groups || id_groups_.size() < 2) return {};
  std::string names;
  for (const auto& group : id_groups_) names += (names.empty() ? "" : ", ") + group;
  return {Code::invalid_argument, "the headers name several groups of ids (" + names +
                                      "): give --id-prefix if an id may stand in more than one of "
                                      "them (keys are then like " +
                                      *id_groups_.begin() + ":id), or --no-id-prefix if no id does"};
}

Status ImportJob::open_input(const InputFile& input) {
  auto opened = open_records(input.path, read_options(input.expected));
  if (!opened.ok()) return opened.status();
  auto reader = std::move(opened).value();
  for (const Column& column : reader->columns().columns)
    if (!column.id_group.empty()) id_groups_.insert(column.id_group);
  std::uint64_t size_bytes = reader->source().total_bytes();
  bool is_file = reader->source().can_be_opened_again();
  total_bytes_ += size_bytes;
  total_is_known_ &= is_file;
  auto kind = reader->kind();
  if (is_file) reader.reset();
  if (kind) {
    auto& passes = *kind == RecordKind::vertex ? vertex_passes_ : edge_passes_;
    passes.push_back({std::move(reader), input.path, input.expected, kind, Part::everything});
  } else if (!is_file) {
    mixed_passes_.push_back({std::move(reader), input.path, input.expected, kind, Part::everything});
  } else {
    total_bytes_ += size_bytes;
    vertex_passes_.push_back({nullptr, input.path, input.expected, kind, Part::vertices});
    edge_passes_.push_back({nullptr, input.path, input.expected, kind, Part::edges});
  }
  return {};
}

Status ImportJob::open_again(Pass& pass) {
  auto opened = open_records(pass.path, read_options(pass.expected));
  if (!opened.ok()) return opened.status();
  pass.reader = std::move(opened).value();
  if (pass.reader->kind() == pass.kind) return {};
  return {Code::invalid_argument, pass.path + " was changed since the import began: start the import again"};
}

Status ImportJob::run(BatchTarget& target) {
  feeder_->set_target(target);
  Status status = rejects_ == nullptr ? Status() : rejects_->begin();
  for (auto* passes : {&vertex_passes_, &mixed_passes_, &edge_passes_}) {
    for (auto& pass : *passes) {
      if (status.ok()) status = run_pass(pass);
      pass.reader.reset();
    }
  }
  if (status.ok()) status = feeder_->finish();
  progress_.clear();
  if (rejects_ != nullptr) {
    Status written = rejects_->flush();
    if (status.ok()) status = written;
    summary_.rejected = rejects_->count();
  }
  return status;
}

Status ImportJob::run_pass(Pass& pass) {
  if (pass.reader == nullptr)
    if (Status status = open_again(pass); !status.ok()) return status;
  RecordReader& reader = *pass.reader;
  reader.only(pass.part);
  if (Status status = feeder_->begin_file(reader.name()); !status.ok()) return status;
  Record record;
  for (std::uint64_t row = 1;; ++row) {
    Status status;
    switch (reader.next(record)) {
      case RecordReader::Next::record:
        ++(record.kind == RecordKind::vertex ? summary_.vertices : summary_.edges);
        status = feeder_->add(record, reader.position(), reader.raw());
        break;
      case RecordReader::Next::bad_row: status = feeder_->reject(reader.error(), reader.raw()); break;
      case RecordReader::Next::failed: reading_failed_ = true; return {Code::internal, reader.error().text()};
      case RecordReader::Next::end: done_bytes_ += reader.source().total_bytes(); return {};
    }
    if (!status.ok()) return status;
    if (row % 1024 == 0 && progress_.due()) show(reader);
  }
}

void ImportJob::show(const RecordReader& reader) {
  ProgressState state{reader.name(), summary_.vertices + summary_.edges, done_bytes_ + reader.source().consumed_bytes(),
                      total_is_known_ ? total_bytes_ : 0};
  progress_.draw(state);
}

}  // namespace engram::import
