// `engram shell`: one connection, many commands, with line editing and history by libedit.

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>

#include <editline/readline.h>

#include "tools/engram/command_support.h"

namespace engram::cli {

namespace {

constexpr int max_history_lines = 1000;

// libedit calls back without a context.
std::vector<std::string> completed_verbs;  // NOLINT

/// The next verb that starts so, as memory that libedit frees.
char* next_completion(const char* prefix, int state) {
  static std::size_t at = 0;
  if (state == 0) at = 0;
  while (at < completed_verbs.size()) {
    const auto& verb = completed_verbs[at++];
    if (verb.starts_with(prefix)) return strdup(verb.c_str());
  }
  return nullptr;
}

char** complete(const char* word, int start, int) {
  rl_attempted_completion_over = 1;   // keys are not file names
  return start == 0 ? rl_completion_matches(word, next_completion) : nullptr;
}

/// ~/.local/state/engram/history, its folders made. Empty: there is no home.
std::string history_path() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  std::string path;
  if (state != nullptr && *state != '\0') {
    path = state;
  } else if (home != nullptr && *home != '\0') {
    path = std::string(home) + "/.local";
    ::mkdir(path.c_str(), 0700);
    path += "/state";
  } else {
    return {};
  }
  ::mkdir(path.c_str(), 0700);
  path += "/engram";
  ::mkdir(path.c_str(), 0700);
  return path + "/history";
}

class Lines {
 public:
  virtual ~Lines() = default;
  virtual bool next(std::string& line) = 0;
};

class TerminalLines final : public Lines {
 public:
  explicit TerminalLines(const Globals& globals) : globals_(globals), history_(history_path()) {
    using_history();
    stifle_history(max_history_lines);
    if (!history_.empty()) read_history(history_.c_str());
    rl_attempted_completion_function = complete;
  }
  ~TerminalLines() override {
    if (history_.empty()) return;
    auto old = ::umask(0077);   // keys and values are nobody else's business
    write_history(history_.c_str());
    ::umask(old);
  }
  bool next(std::string& line) override {
    auto prompt = "engram:" + globals_.space + "> ";
    std::unique_ptr<char, decltype(&std::free)> read(::readline(prompt.c_str()), &std::free);
    if (!read) {
      std::puts("");
      return false;
    }
    line = read.get();
    if (!line.empty() && line != last_) add_history(line.c_str());
    last_ = line;
    return true;
  }

 private:
  const Globals& globals_;
  std::string history_;
  std::string last_;
};

class PipedLines final : public Lines {
 public:
  bool next(std::string& line) override { return static_cast<bool>(std::getline(std::cin, line)); }
};

void use_space(Globals& globals, const std::vector<std::string>& words) {
  if (words.size() != 2) return report_usage(globals, Status(Code::invalid_argument, "use which space? use NAME"));
  auto* client = open_session(globals);
  if (client == nullptr) return;
  if (auto status = client->use_space(words[1]); !status.ok()) return report_error(globals, status);
  globals.space = words[1];
}

/// Keeps what a line may change for good: the connection and the space. Its flags (--json) end with it.
void run_words(Globals& globals, std::vector<std::string> words,
               void (*run_line)(Globals&, std::vector<std::string>)) {
  globals.exit_code = exit_ok;
  if (words.front() == "use") return use_space(globals, words);
  Globals line = globals;
  run_line(line, std::move(words));
  globals.client = line.client;
  globals.exit_code = line.exit_code;
}

}  // namespace

Result<std::vector<std::string>> split_words(std::string_view line) {
  if (line.find('\0') != std::string_view::npos)
    return Status(Code::invalid_argument, "the line has a NUL byte, which no word can hold");
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = '\0';
  for (std::size_t i = 0; i < line.size(); ++i) {
    char c = line[i];
    if (quote == '\0' && (c == ' ' || c == '\t')) {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else if (c == quote) {
      quote = '\0';
    } else if (quote == '\0' && (c == '\'' || c == '"')) {
      quote = c;
      in_word = true;
    } else if (c == '\\' && quote != '\'' && i + 1 < line.size()) {
      word += line[++i];
      in_word = true;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote != '\0') return Status(Code::invalid_argument, std::string("the quote ") + quote + " is not closed");
  if (in_word) words.push_back(std::move(word));
  return words;
}

void run_shell(Globals& globals, const std::vector<std::string>& verbs,
               void (*run_line)(Globals&, std::vector<std::string>)) {
  auto* client = open_session(globals);
  if (client == nullptr) return;
  completed_verbs = verbs;
  completed_verbs.insert(completed_verbs.end(), {"use", "help", "exit"});
  bool terminal = ::isatty(STDIN_FILENO) == 1;
  std::unique_ptr<Lines> lines;
  if (terminal) {
    print_note("engram " + client->server().version + ", space '" + globals.space + "'. help, exit; Tab completes.");
    lines = std::make_unique<TerminalLines>(globals);
  } else {
    lines = std::make_unique<PipedLines>();
  }
  std::string line;
  while (lines->next(line)) {
    auto words = split_words(line);
    if (!words.ok()) {
      report_usage(globals, words.status());
    } else if (words->empty() || words->front().starts_with("#")) {
      continue;
    } else if (words->front() == "exit" || words->front() == "quit") {
      break;
    } else {
      run_words(globals, std::move(words).value(), run_line);
    }
    flush_output();
    if (output_is_lost()) return;
    // A script that goes on after an error does harm; a person sees it.
    if (!terminal && globals.exit_code != exit_ok) return;
  }
  if (terminal) globals.exit_code = exit_ok;
}

}  // namespace engram::cli
