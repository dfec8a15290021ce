// Every bit of what LMDB follows in its file, flipped one at a time: it is found, or changes nothing. What may crash runs
// in a child process.

#include <map>
#include <random>
#include <utility>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/base/descriptor.h"
#include "storage/warm/warm_file.h"
#include "storage/warm/warm_pages.h"
#include "tests/storage/warm/lmdb_parts.h"
#include "tests/storage/warm/warm_script.h"
#include "tests/support/text_file.h"

using namespace engram;
using namespace engram::test;

namespace {

using Contents = std::map<std::pair<WarmTable, std::string>, std::string>;

constexpr std::size_t map_bytes = std::size_t{1} << 24;
constexpr std::uint64_t last_lsn = 4;

std::string long_key(std::size_t number) {
  std::string key = "key " + std::to_string(100 + number);
  return key.append(490 - number % 3 - key.size(), 'k');
}

/// All tables: one of them of three levels, one with values on pages of their own, and some that are small or empty.
std::vector<WarmChange> changes_of(std::uint64_t lsn) {
  std::vector<WarmChange> changes;
  for (std::size_t i = lsn == 1 ? 0 : 100 + lsn; i < 100 + 2 * lsn; ++i)
    changes.push_back(put(WarmTable::ordered, long_key(i), ""));
  for (std::uint64_t i = 0; i < 6; ++i)
    changes.push_back(put(WarmTable::vertices, warm_vertex_key({i}), std::string(i * lsn * 190 + 3, 'v')));
  changes.push_back(put(WarmTable::vertices, warm_vertex_key({7 + lsn % 2}), std::string(9000 - 3000 * (lsn % 2), 'V')));
  changes.push_back(put(WarmTable::meta, "state", "after " + std::to_string(lsn)));
  changes.push_back(put(WarmTable::keys, warm_key_hash({}, std::to_string(lsn)), "eight by"));
  for (std::size_t i = 0; i < 3; ++i) changes.push_back(put(WarmTable::names, "name" + std::to_string(i), "a name"));
  if (lsn % 2 == 0) changes.push_back(erase(WarmTable::keys, warm_key_hash({}, "1")));
  if (lsn > 1) changes.push_back(erase(WarmTable::ordered, long_key(lsn * 7)));
  changes.push_back(put(WarmTable::sessions, "session", std::string(lsn, 's')));
  return changes;
}

void apply(std::uint64_t lsn, Contents& contents) {
  for (const WarmChange& change : changes_of(lsn)) {
    std::pair name(change.table, change.key);
    if (change.value) contents[name] = std::string(as_text(change.value.bytes()));
    else contents.erase(name);
  }
}

Contents contents_after(std::uint64_t lsn) {
  Contents contents;
  for (std::uint64_t i = 1; i <= lsn; ++i) apply(i, contents);
  return contents;
}

void make_store(const std::string& path) {
  for (std::uint64_t lsn = 1; lsn <= last_lsn; ++lsn) write(*open_store({path, map_bytes}), lsn, changes_of(lsn));
}

// --- what a store answers; in a child process, so without a word to the test -----------------------------------------

enum class Answer : char { right = 'r', refused = 'f', wrong = 'w' };

/// All of it, by scanning and by asking for each; whether that is what it should be.
Answer read_everything(const WarmStore& store, const Contents& expected, std::uint64_t lsn) {
  WarmStore::View view(store);
  Contents found;
  bool refused = false;
  for (std::size_t i = 0; i < static_cast<std::size_t>(WarmTable::count_); ++i) {
    auto table = static_cast<WarmTable>(i);
    Status status = view.scan(table, {}, {}, [&](Bytes key, Bytes value) {
      found[{table, std::string(as_text(key))}] = std::string(as_text(value));
      return true;
    });
    refused |= status.code() == Code::corrupt;
  }
  bool right = found == expected && view.applied_lsn().value == lsn;
  for (const auto& [name, value] : expected) {
    auto got = view.get(name.first, as_bytes(name.second));
    refused |= got.status().code() == Code::corrupt;
    right = right && got.ok() && *got && as_text(**got) == value;
  }
  return refused ? Answer::refused : right ? Answer::right : Answer::wrong;
}

/// As `engram verify` does it.
Answer verify(const std::string& path, const Contents& expected, std::uint64_t lsn) {
  auto store = WarmStore::open({path, map_bytes, true});
  Status status = store.ok() ? (*store)->check({}) : store.status();
  if (status.code() == Code::corrupt) return Answer::refused;
  return status.ok() ? read_everything(**store, expected, lsn) : Answer::wrong;
}

/// As an engine does it, which then writes.
Answer serve(const std::string& path, const Contents& expected, const Contents& expected_after) {
  {
    auto store = WarmStore::open({path, map_bytes});
    if (!store.ok()) return store.status().code() == Code::corrupt ? Answer::refused : Answer::wrong;
    Answer answer = read_everything(**store, expected, last_lsn);
    for (std::uint64_t lsn = last_lsn + 1; lsn <= last_lsn + 2; ++lsn) {
      if (!(*store)->write(changes_of(lsn), Lsn{lsn}).ok()) return Answer::wrong;
    }
    if (answer != Answer::right) return answer;
  }
  return verify(path, expected_after, last_lsn + 2);
}

struct Flip {
  std::size_t byte;
  unsigned bit;
};

std::string with(const std::string& content, Flip flip) {
  std::string damaged = content;
  damaged[flip.byte] = static_cast<char>(damaged[flip.byte] ^ (1 << flip.bit));
  return damaged;
}

/// A store that each flip is tried on, in one child after the other: a crash ends the child, and is an answer, too.
class Trials {
 public:
  explicit Trials(const std::string& content) : content_(content) {}

  struct Outcome {
    std::size_t refused = 0;
    std::size_t harmless = 0;
    std::vector<std::string> failures;
  };
  Outcome run(const std::vector<Flip>& flips) {
    Outcome outcome;
    for (std::size_t next = 0; next < flips.size() && outcome.failures.size() < 10;) {
      for (char answer : answers({flips.begin() + static_cast<std::ptrdiff_t>(next), flips.end()})) {
        if (answer == 'f') ++outcome.refused;
        if (answer == 'r') ++outcome.harmless;
        if (answer == 'w') outcome.failures.push_back("wrong answers: " + text_of(flips[next]));
        ++next;
      }
      if (next < flips.size()) outcome.failures.push_back("a crash: " + text_of(flips[next++]));
    }
    return outcome;
  }

 private:
  static std::string text_of(Flip flip) {
    return "bit " + std::to_string(flip.bit) + " of byte " + std::to_string(flip.byte % lmdb_page_bytes) + " of page " +
           std::to_string(flip.byte / lmdb_page_bytes);
  }

  /// One for each, as far as the child came.
  std::string answers(const std::vector<Flip>& flips) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    pid_t child = ::fork();
    if (child == 0) {
      for (Flip flip : flips) {
        auto answer = static_cast<char>(answer_to(flip));
        if (::write(ends[1], &answer, 1) != 1) ::_exit(1);
      }
      ::_exit(0);
    }
    ::close(ends[1]);
    std::string all;
    char part[4096];
    for (ssize_t size = 0; (size = ::read(ends[0], part, sizeof part)) > 0;) all.append(part, static_cast<std::size_t>(size));
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    return all;
  }

  Answer answer_to(Flip flip) {
    write_text(file_, with(content_, flip));
    Answer verified = verify(directory_.path(), expected_, last_lsn);
    if (verified == Answer::wrong) return verified;
    Answer served = serve(directory_.path(), expected_, expected_after_);
    // What `engram verify` has found, an engine may answer with errors or not at all, but it goes on.
    return verified == Answer::refused ? verified : served;
  }

  const std::string& content_;
  TemporaryDirectory directory_{fast_directory()};
  std::string file_ = directory_ / "data.mdb";
  Contents expected_ = contents_after(last_lsn);
  Contents expected_after_ = contents_after(last_lsn + 2);
};

// --- the quick half: without LMDB, in this process ------------------------------------------------------------------

class DamagedFile {
 public:
  explicit DamagedFile(const std::string& path)
      : path_(path), file_(::open((path + "/data.mdb").c_str(), O_RDWR | O_CLOEXEC)),
        bytes_(std::filesystem::file_size(path + "/data.mdb")) {}

  /// Whether looking at the file before LMDB sees it finds the flip.
  bool finds(Flip flip, WarmPages which) {
    turn(flip);
    auto file = check_warm_file(path_);
    Status status = file.ok() ? check_warm_pages(path_, which) : file.status();
    turn(flip);
    if (file.ok() && file->extended) std::filesystem::resize_file(path_ + "/data.mdb", bytes_);
    return status.code() == Code::corrupt;
  }
  /// The flips that it does not find, of all bits of these bytes.
  std::vector<Flip> missed(const std::vector<std::size_t>& bytes, WarmPages which = WarmPages::all) {
    std::vector<Flip> missed;
    for (std::size_t byte : bytes) {
      for (unsigned bit = 0; bit < 8; ++bit) {
        if (!finds({byte, bit}, which)) missed.push_back({byte, bit});
      }
    }
    return missed;
  }

 private:
  void turn(Flip flip) {
    char byte = 0;
    REQUIRE(::pread(file_.get(), &byte, 1, static_cast<off_t>(flip.byte)) == 1);
    byte = static_cast<char>(byte ^ (1 << flip.bit));
    REQUIRE(::pwrite(file_.get(), &byte, 1, static_cast<off_t>(flip.byte)) == 1);
  }

  std::string path_;
  Descriptor file_;
  std::uintmax_t bytes_;
};

/// The store, its file, and where things are in it.
struct Sound {
  Sound() { make_store(directory.path()); }
  TemporaryDirectory directory{fast_directory()};
  DamagedFile& file() {
    if (!file_) file_.emplace(directory.path());
    return *file_;
  }
  const std::string& content() {
    if (content_.empty()) content_ = read_text(directory / "data.mdb");
    return content_;
  }

 private:
  std::optional<DamagedFile> file_;
  std::string content_;
};

/// What looking at the file does not find, LMDB reads without harm: the answers are right, or errors that say so.
Trials::Outcome try_all(const std::string& content, const std::vector<Flip>& flips) {
  auto outcome = Trials(content).run(flips);
  for (const std::string& failure : outcome.failures) FAIL_CHECK(failure);
  CHECK(outcome.refused + outcome.harmless == flips.size());
  return outcome;
}

}  // namespace

TEST_CASE("the store of these tests has all that LMDB has") {
  Sound sound;
  LmdbParts parts(sound.content());
  CHECK(parts.deepest() >= 3);
  CHECK(parts.large_values() >= 2);
  CHECK(parts.free_pages().size() >= 5);
  CHECK(parts.kinds_of_tables().size() == 10 * offsetof(lmdb::Tree, depth));
  CHECK(Trials(sound.content()).run({}).failures.empty());
  CHECK(verify(sound.directory.path(), contents_after(last_lsn), last_lsn) == Answer::right);
  CHECK(serve(sound.directory.path(), contents_after(last_lsn), contents_after(last_lsn + 2)) == Answer::right);
}

TEST_CASE("a flipped bit in a header page is found, or LMDB does not read it") {
  Sound sound;
  auto missed = sound.file().missed(LmdbParts(sound.content()).header_pages());
  // Of both pages the size of the map, which the engine sets itself; of the older one what the next commit overwrites: of
  // the trees all but their kinds, and the last page.
  constexpr std::size_t unread_bytes = 2 * 8 + 2 * (sizeof(lmdb::Tree) - offsetof(lmdb::Tree, depth)) + 8;
  CHECK(missed.size() == 8 * unread_bytes);
  try_all(sound.content(), missed);
}

TEST_CASE("a flipped bit in what leads from page to page is found") {
  Sound sound;
  auto missed = sound.file().missed(LmdbParts(sound.content()).pages());
  // A value's or a key's size, one more or less, where an entry is filled up to an even size: its checksum tells.
  CHECK(try_all(sound.content(), missed).refused == missed.size());
}

TEST_CASE("a flipped bit in a table's record is found") {
  Sound sound;
  LmdbParts parts(sound.content());
  CHECK(sound.file().missed(parts.kinds_of_tables()).empty());
  CHECK(sound.file().missed(parts.tables()).empty());
  // Also at the start on a store that is too large to be walked.
  CHECK(sound.file().missed(parts.kinds_of_tables(), WarmPages::needed_to_open).empty());
}

TEST_CASE("a flipped bit in the list of free pages is found, or only forgets some") {
  Sound sound;
  auto missed = sound.file().missed(LmdbParts(sound.content()).free_lists());
  CHECK(missed.size() <= last_lsn);  // a count that becomes 0
  try_all(sound.content(), missed);
}

TEST_CASE("a flipped bit in a name is found") {
  Sound sound;
  auto missed = sound.file().missed(LmdbParts(sound.content()).names());
  CHECK(try_all(sound.content(), missed).refused == missed.size());
}

TEST_CASE("a flipped bit anywhere is found, or changes nothing") {
  Sound sound;
  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  // Mostly keys and values, and what nothing reads: room within pages, and free pages.
  std::vector<Flip> missed;
  for (int i = 0; i < 2000; ++i) {
    Flip flip{random() % sound.content().size(), static_cast<unsigned>(random() % 8)};
    if (!sound.file().finds(flip, WarmPages::all)) missed.push_back(flip);
  }
  try_all(sound.content(), missed);
}

TEST_CASE("a start refuses what looking at the file finds, and so does a check") {
  Sound sound;
  LmdbParts parts(sound.content());
  const std::string file = sound.directory / "data.mdb";
  for (const auto& bytes : {parts.header_pages(), parts.pages(), parts.kinds_of_tables(), parts.free_lists()}) {
    for (std::size_t i = 0; i < bytes.size(); i += bytes.size() / 40 + 1) {
      Flip flip{bytes[i], static_cast<unsigned>(i % 8)};
      if (!sound.file().finds(flip, WarmPages::all)) continue;
      write_text(file, with(sound.content(), flip));
      for (bool read_only : {false, true}) {
        Status status = WarmStore::open({sound.directory.path(), map_bytes, read_only}).status();
        INFO("bit " << flip.bit << " of byte " << flip.byte << ": " << status.message());
        CHECK(status.code() == Code::corrupt);
        CHECK(status.message().find("data.mdb") != std::string::npos);
        CHECK(status.message().find("docs/operations.md") != std::string::npos);
      }
      write_text(file, sound.content());
    }
  }
}
