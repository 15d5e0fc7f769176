# SPDX-License-Identifier: MIT
# cmake/BelayTest.cmake - tests of <belay/test.h> as tests of CTest
#
#     find_package(belay REQUIRED)
#     add_executable(all_tests test_echo.c test_pool.c)
#     target_link_libraries(all_tests PRIVATE belay::test)
#     include(CTest)
#     belay_discover_tests(all_tests)
#
#     belay_discover_tests(target
#       [PER_TEST]                  an entry for each test, not for each file
#       [TEST_PREFIX prefix]        in front of each name
#       [EXTRA_ARGS arg...]         for the program, such as -j 1
#       [WORKING_DIRECTORY dir]     default: the current binary directory
#       [PROPERTIES name value...]  of all entries, such as TIMEOUT 60
#       [DISCOVERY_TIMEOUT sec])    for asking the program; default 10
#
# The program is asked for its tests when ctest starts (CMake calls that
# PRE_TEST), and only if it is newer than its last answer.  So tests need not
# be named twice, and a program that does not run on the machine that builds it
# is no obstacle.
#
# An entry is one file of tests, called `prefix` and the file's name, since
# fixtures may be shared within a file; its labels are the tags of its tests.
# An entry of which all tests were skipped counts as skipped.
include_guard(GLOBAL)

set(BELAY_DISCOVER_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/BelayDiscover.cmake)

function(belay_discover_tests target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "PER_TEST"
    "TEST_PREFIX;WORKING_DIRECTORY;DISCOVERY_TIMEOUT"
    "EXTRA_ARGS;PROPERTIES")
  if(NOT TARGET ${target})
    message(FATAL_ERROR "belay_discover_tests: ${target} is no target")
  endif()
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR
      "belay_discover_tests: what is ${arg_UNPARSED_ARGUMENTS}?")
  endif()
  if(NOT arg_WORKING_DIRECTORY)
    set(arg_WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  endif()
  if(NOT arg_DISCOVERY_TIMEOUT)
    set(arg_DISCOVERY_TIMEOUT 10)
  endif()

  get_property(is_multi GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
  set(suffix "")
  if(is_multi)
    set(suffix "-$<CONFIG>")
  endif()
  set(stem ${CMAKE_CURRENT_BINARY_DIR}/${target}-belay)

  # What ctest reads: where the program is, which is known after generating.
  file(GENERATE OUTPUT ${stem}${suffix}.cmake CONTENT
"set(belay_target [==[${target}]==])
set(belay_program [==[$<TARGET_FILE:${target}>]==])
set(belay_launcher [==[$<TARGET_PROPERTY:${target},CROSSCOMPILING_EMULATOR>]==])
set(belay_args [==[${arg_EXTRA_ARGS}]==])
set(belay_prefix [==[${arg_TEST_PREFIX}]==])
set(belay_folder [==[${arg_WORKING_DIRECTORY}]==])
set(belay_properties [==[${arg_PROPERTIES}]==])
set(belay_per_test [==[${arg_PER_TEST}]==])
set(belay_timeout [==[${arg_DISCOVERY_TIMEOUT}]==])
set(belay_answer [==[${stem}${suffix}-tests.cmake]==])
set(belay_description \${CMAKE_CURRENT_LIST_FILE})
include([==[${BELAY_DISCOVER_SCRIPT}]==])
")
  if(is_multi)
    file(WRITE ${stem}.cmake
      "include([==[${stem}-]==]\${CTEST_CONFIGURATION_TYPE}[==[.cmake]==])\n")
  endif()
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${stem}.cmake)
endfunction()
