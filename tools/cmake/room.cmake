# starling_room(<name> HEADERS ... SOURCES ... [USES ...])
#
# One room of the house: a library target whose USES line is the only way its code may depend on
# another room. `tools/tidy.py` checks that the includes agree with it.
function(starling_room name)
  cmake_parse_arguments(ROOM "" "" "HEADERS;SOURCES;USES" ${ARGN})
  add_library(starling_${name} STATIC)
  add_library(starling::${name} ALIAS starling_${name})
  target_sources(starling_${name}
    PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${ROOM_HEADERS}
    PRIVATE ${ROOM_SOURCES})
  target_link_libraries(starling_${name} PUBLIC ${ROOM_USES} PRIVATE starling_warnings)
endfunction()

# starling_proto(<name> <file.proto>): the generated lite code of one room's messages, as the target
# starling::<name>. Include it as "<folder>/<room>/<file>.pb.h", in *_wire.cc files only.
function(starling_proto name file)
  get_filename_component(absolute ${file} ABSOLUTE)
  file(RELATIVE_PATH relative ${PROJECT_SOURCE_DIR} ${absolute})
  string(REGEX REPLACE "\\.proto$" "" stem ${relative})
  set(out ${PROJECT_BINARY_DIR}/proto)
  add_custom_command(
    OUTPUT ${out}/${stem}.pb.cc ${out}/${stem}.pb.h
    COMMAND ${CMAKE_COMMAND} -E make_directory ${out}
    COMMAND protobuf::protoc --proto_path=${PROJECT_SOURCE_DIR} --cpp_out=lite:${out} ${relative}
    DEPENDS ${absolute} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  add_library(starling_${name} STATIC ${out}/${stem}.pb.cc ${out}/${stem}.pb.h)
  add_library(starling::${name} ALIAS starling_${name})
  target_include_directories(starling_${name} SYSTEM PUBLIC ${out})
  target_link_libraries(starling_${name} PUBLIC protobuf::libprotobuf-lite)
endfunction()

# starling_test(<name> SOURCES ... [USES ...] [LABELS ...]): one test program, run by ctest as <name>.
function(starling_test name)
  cmake_parse_arguments(TEST "" "" "SOURCES;USES;LABELS" ${ARGN})
  add_executable(${name} ${TEST_SOURCES})
  target_link_libraries(${name} PRIVATE ${TEST_USES} GTest::gtest GTest::gmock GTest::gtest_main starling_warnings)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_definitions(${name} PRIVATE
    STARLING_TESTS_DIR="${PROJECT_SOURCE_DIR}/tests"
    STARLING_SHARED_DIR="${PROJECT_SOURCE_DIR}/../shared"
    STARLING_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name})
  if(TEST_LABELS)
    set_tests_properties(${name} PROPERTIES LABELS "${TEST_LABELS}")
  endif()
endfunction()
