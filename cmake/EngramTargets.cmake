# engram_library(NAME SOURCES ... LINK ...): a static library of one folder.
function(engram_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PCH" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} Threads::Threads)
  if(ARG_PCH)
    target_precompile_headers(${name} PRIVATE ${ARG_PCH})
  endif()
endfunction()

# engram_small(TARGET...): for what does not run with every call; the templates of the command line's library alone are a
# quarter of the program otherwise.
function(engram_small)
  foreach(target IN LISTS ARGN)
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-Os>)
  endforeach()
endfunction()

# How long a test may take before it counts as hanging. The longest take a minute or two here; a machine that tests may be many
# times slower, and no test is there to be quick.
set(ENGRAM_TEST_TIMEOUT 1800)

# engram_test(NAME SOURCES ... LINK ...): a Catch2 program, run by ctest as one test. Its main function is that of
# tests/support/catch_main.cpp, which has the exit code of what was skipped.
function(engram_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;ARGS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE engram_catch_main ${ARG_LINK})
  add_test(NAME ${name} COMMAND ${name} ${ARG_ARGS} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ENGRAM_TEST_TIMEOUT} LABELS "${ARG_LABELS}" SKIP_RETURN_CODE 77)
  # Another program than the one that is built beside the tests is for those that kill engines by the hundred.
  if(NOT ARG_LABELS MATCHES "crash|chaos")
    set_tests_properties(${name} PROPERTIES ENVIRONMENT_MODIFICATION ENGRAM_BINARY=unset:)
  endif()
  if(ENGRAM_SANITIZE STREQUAL "thread")
    math(EXPR longer "${ENGRAM_TEST_TIMEOUT} * 4")
    set_tests_properties(${name} PROPERTIES TIMEOUT ${longer}
      ENVIRONMENT "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/tsan.suppressions")
  endif()
endfunction()
