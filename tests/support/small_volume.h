#pragma once
// A file system in memory, small enough to be filled, if the test may mount one.

#include <sys/mount.h>

#include <catch2/catch.hpp>

#include <string>
#include <utility>

namespace engram::test {

/// Lies over a directory, and goes with this object. Sizes are options of tmpfs: "size=24m".
class SmallVolume {
 public:
  SmallVolume(std::string path, const char* size)
      : path_(std::move(path)), mounted_(::mount("tmpfs", path_.c_str(), "tmpfs", 0, size) == 0) {}
  ~SmallVolume() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  SmallVolume(const SmallVolume&) = delete;
  SmallVolume& operator=(const SmallVolume&) = delete;

  static constexpr const char* no_right = "there is no right to mount a file system in memory here";
  /// False: the test has no right to mount.
  [[nodiscard]] bool mounted() const { return mounted_; }
  void resize(const char* size) { remount(0, size); }
  void set_writable(bool writable) { remount(writable ? 0 : MS_RDONLY, nullptr); }

 private:
  void remount(unsigned long flags, const char* options) {
    REQUIRE(::mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT | flags, options) == 0);
  }

  std::string path_;
  bool mounted_;
};

}  // namespace engram::test
