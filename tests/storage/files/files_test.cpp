#include <catch2/catch.hpp>

#include <array>

#include "storage/files/copy.h"
#include "storage/files/posix_files.h"
#include "tests/support/faulty_files.h"
#include "tests/support/memory_files.h"
#include "tests/support/temporary_directory.h"

using namespace engram;
using namespace engram::test;

namespace {

void write_file(Files& files, const std::string& path, const std::string& content) {
  auto file = files.open(path, OpenMode::replace);
  REQUIRE(file.ok());
  REQUIRE((*file)->write_at(as_bytes(content), 0).ok());
}

std::string read_file(Files& files, const std::string& path) {
  auto file = files.open(path, OpenMode::read_only);
  REQUIRE(file.ok());
  std::string content((*file)->size().value(), '\0');
  REQUIRE((*file)->read_at(std::as_writable_bytes(std::span(content)), 0).value() == content.size());
  return content;
}

/// Blocks, what ends in the middle of one, and what begins there, all read back as written.
void check_bypass(Files& files, const std::string& path) {
  constexpr std::size_t block = 4096;
  alignas(block) static std::array<char, 3 * block> aligned;
  aligned.fill('a');
  auto file = files.open(path, OpenMode::create_new);
  REQUIRE(file.ok());
  (*file)->bypass_cache();
  auto write = [&](std::string_view bytes, std::uint64_t offset) { REQUIRE((*file)->write_at(as_bytes(bytes), offset).ok()); };
  write({aligned.data(), aligned.size()}, 0);
  REQUIRE((*file)->sync_data().ok());
  write("odd", block + 1);  // no block, and from memory that is not aligned: as without the call
  write({aligned.data(), block}, 3 * block);
  std::string wanted(4 * block, 'a');
  wanted.replace(block + 1, 3, "odd");
  CHECK(read_file(files, path) == wanted);
}

/// What every implementation has to do.
void check_files(Files& files, const std::string& root) {
  REQUIRE(files.make_directory(root + "/a/b").ok());
  REQUIRE(files.make_directory(root + "/a/b").ok());
  write_file(files, root + "/a/one", "hello");
  CHECK(read_file(files, root + "/a/one") == "hello");
  CHECK_FALSE(files.open(root + "/a/one", OpenMode::create_new).ok());
  CHECK_FALSE(files.open(root + "/a/none", OpenMode::read_only).ok());

  auto file = files.open(root + "/a/one", OpenMode::read_write);
  REQUIRE((*file)->write_at(as_bytes("XY"), 8).ok());
  CHECK(read_file(files, root + "/a/one") == std::string("hello\0\0\0XY", 10));
  REQUIRE((*file)->truncate(4).ok());
  REQUIRE((*file)->sync_data().ok());
  REQUIRE((*file)->sync_all().ok());
  CHECK(read_file(files, root + "/a/one") == "hell");

  REQUIRE(files.rename(root + "/a/one", root + "/a/two").ok());
  REQUIRE(files.sync_directory(root + "/a").ok());
  CHECK_FALSE(files.exists(root + "/a/one"));
  auto entries = files.list(root + "/a");
  REQUIRE(entries.ok());
  REQUIRE(entries->size() == 2);
  CHECK((*entries)[0].name == "b");
  CHECK((*entries)[0].is_directory);
  CHECK((*entries)[1].name == "two");
  CHECK((*entries)[1].size_bytes == 4);
  REQUIRE(files.remove(root + "/a/two").ok());
  CHECK_FALSE(files.remove(root + "/a/two").ok());
  CHECK_FALSE(files.list(root + "/none").ok());
  CHECK(files.free_space(root)->free_bytes > 0);

  check_bypass(files, root + "/a/direct");
  REQUIRE(files.remove(root + "/a/direct").ok());

  auto held = files.lock(root + "/lock");
  REQUIRE(held.ok());
  CHECK(files.lock(root + "/lock").status().code() == Code::unavailable);
  held = Status();
  CHECK(files.lock(root + "/lock").ok());
}

}  // namespace

TEST_CASE("files on disk and in memory behave alike") {
  TemporaryDirectory directory;
  PosixFiles posix;
  check_files(posix, directory.path());
  MemoryFiles memory;
  check_files(memory, "/root");
  MemoryFiles below;
  FaultyFiles faulty(below);
  check_files(faulty, "/root");
}

TEST_CASE("an error names the path and what the system said") {
  PosixFiles files;
  Status status = files.open("/nowhere/at/all", OpenMode::read_only).status();
  CHECK(status.code() == Code::internal);
  CHECK(status.message() == "cannot open /nowhere/at/all: No such file or directory");
}

TEST_CASE("an error on an open file names what the file is called now") {
  TemporaryDirectory directory;
  PosixFiles files;
  write_file(files, directory / "before", "x");
  auto file = files.open(directory / "before", OpenMode::read_only);
  REQUIRE(files.rename(directory / "before", directory / "after").ok());
  Status status = (*file)->write_at(as_bytes("y"), 0);
  CHECK(status.message().find("cannot write " + (directory / "after") + ": Bad file descriptor") == 0);
}

TEST_CASE("a full device is a full disk") {
  PosixFiles files;
  if (!files.exists("/dev/full")) return;
  auto file = files.open("/dev/full", OpenMode::read_write);
  REQUIRE(file.ok());
  Status status = (*file)->write_at(as_bytes("x"), 0);
  CHECK(status.code() == Code::disk_full);
  CHECK(status.message().find("free space") != std::string::npos);
}

TEST_CASE("a copy is whole, verified and durable, or not there") {
  MemoryFiles files;
  REQUIRE(files.make_directory("/from").ok());
  REQUIRE(files.make_directory("/to").ok());
  for (std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1} << 20, (std::size_t{3} << 20) + 5}) {
    std::string content(size, 'x');
    write_file(files, "/from/file", content);
    auto digest = copy_file(files, "/from/file", "/to/file");
    REQUIRE(digest.ok());
    CHECK(digest->bytes == size);
    CHECK(*digest == digest_file(files, "/from/file").value());
    files.cut_power(size);
    CHECK(read_file(files, "/to/file") == content);
    REQUIRE(files.make_directory("/from").ok());
    REQUIRE(files.remove("/to/file").ok());
  }
}

TEST_CASE("a copy that fails leaves nothing") {
  MemoryFiles disk;
  FaultyFiles files(disk);
  REQUIRE(files.make_directory("/data").ok());
  write_file(files, "/data/file", std::string(5000, 'x'));
  files.faults().room_bytes = 3000;
  CHECK(copy_file(files, "/data/file", "/data/copy").status().code() == Code::disk_full);
  files.faults().room_bytes = Faults::never;
  files.faults().syncs_before_error = 0;
  CHECK(copy_file(files, "/data/file", "/data/copy").status().code() == Code::internal);
  CHECK(disk.paths() == std::vector<std::string>{"/data/file"});
}

TEST_CASE("a power cut keeps what was synced, and only an arbitrary part of the rest") {
  bool lost = false;
  bool kept = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    MemoryFiles files;
    REQUIRE(files.make_directory("/data").ok());
    auto file = files.open("/data/file", OpenMode::create_new);
    REQUIRE((*file)->write_at(as_bytes(std::string(8192, 'a')), 0).ok());
    REQUIRE((*file)->sync_data().ok());
    REQUIRE(files.sync_directory("/data").ok());
    REQUIRE((*file)->write_at(as_bytes(std::string(4096, 'b')), 4096).ok());
    REQUIRE(files.rename("/data/file", "/data/renamed").ok());
    files.cut_power(seed);
    std::string name = files.exists("/data/file") ? "/data/file" : "/data/renamed";
    REQUIRE(files.exists(name));
    std::string content = read_file(files, name);
    CHECK(content.substr(0, 4096) == std::string(4096, 'a'));
    std::string rest = content.substr(4096);
    CHECK((rest == std::string(4096, 'a') || rest == std::string(4096, 'b')));
    (rest[0] == 'a' ? lost : kept) = true;
  }
  CHECK(lost);
  CHECK(kept);
}
