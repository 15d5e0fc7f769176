# SPDX-License-Identifier: MIT
# cmake/BelayDiscover.cmake - asks a test program what tests it has
#
# Included by ctest, once for each belay_discover_tests, with the variables
# belay_* set.  The program's answer is turned into a script of add_test
# commands, which is kept as long as the program and its description are older.

# Adds one entry to `script`: `name` runs what `pattern` selects.
function(belay_add_entry script name pattern labels)
  set(command "add_test([==[${name}]==]")
  foreach(word IN LISTS belay_launcher belay_program belay_args pattern)
    string(APPEND command " [==[${word}]==]")
  endforeach()
  set(properties "WORKING_DIRECTORY [==[${belay_folder}]==]")
  string(APPEND properties
    " SKIP_REGULAR_EXPRESSION [==[\n0 passed, 0 failed, [0-9]+ skipped]==]")
  if(labels)
    string(APPEND properties " LABELS [==[${labels}]==]")
  endif()
  foreach(word IN LISTS belay_properties)
    string(APPEND properties " [==[${word}]==]")
  endforeach()
  set(${script} "${${script}}${command})
set_tests_properties([==[${name}]==] PROPERTIES ${properties})
" PARENT_SCOPE)
endfunction()

# Sets `out` to the array `member` of a test, as a list.
function(belay_get_list out json test member)
  set(list "")
  string(JSON count LENGTH "${json}" tests ${test} ${member})
  if(count GREATER 0)
    math(EXPR last "${count} - 1")
    foreach(i RANGE ${last})
      string(JSON word GET "${json}" tests ${test} ${member} ${i})
      list(APPEND list "${word}")
    endforeach()
  endif()
  set(${out} "${list}" PARENT_SCOPE)
endfunction()

# Sets `script` to what the program's answer means.
function(belay_write_entries script json)
  set(text "")
  set(files "")
  string(JSON count LENGTH "${json}" tests)
  if(count GREATER 0)
    math(EXPR last "${count} - 1")
    foreach(i RANGE ${last})
      string(JSON id GET "${json}" tests ${i} id)
      string(JSON file GET "${json}" tests ${i} file)
      belay_get_list(tags "${json}" ${i} tags)
      if(belay_per_test)
        belay_add_entry(text "${belay_prefix}${id}" "${id}" "${tags}")
      else()
        list(APPEND files "${file}")
        list(APPEND tags_${file} ${tags})
      endif()
    endforeach()
  endif()
  list(REMOVE_DUPLICATES files)
  foreach(file IN LISTS files)
    list(REMOVE_DUPLICATES tags_${file})
    belay_add_entry(text "${belay_prefix}${file}" "${file}" "${tags_${file}}")
  endforeach()
  set(${script} "${text}" PARENT_SCOPE)
endfunction()

function(belay_ask)
  execute_process(
    COMMAND ${belay_launcher} ${belay_program} ${belay_args} --list=json
    WORKING_DIRECTORY ${belay_folder}
    TIMEOUT ${belay_timeout}
    OUTPUT_VARIABLE json
    ERROR_VARIABLE errors
    RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    file(REMOVE ${belay_answer})
    message(FATAL_ERROR
      "${belay_program} --list=json: ${status}\n${json}${errors}")
  endif()
  belay_write_entries(script "${json}")
  file(WRITE ${belay_answer} "${script}")
endfunction()

if(EXISTS ${belay_program})
  if(NOT EXISTS ${belay_answer}
      OR NOT ${belay_answer} IS_NEWER_THAN ${belay_program}
      OR NOT ${belay_answer} IS_NEWER_THAN ${belay_description})
    belay_ask()
  endif()
  include(${belay_answer})
else()
  # Shown by ctest as "Not Run", and a failure.
  add_test(${belay_target}_NOT_BUILT ${belay_target}_NOT_BUILT)
endif()
