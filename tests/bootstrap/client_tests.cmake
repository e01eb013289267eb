starling_test(client_test
  SOURCES client_terminal_test.cc client_http_test.cc client_watch_test.cc client_arguments_test.cc study_compare_test.cc
    client_fake_server.cc
  USES starling::client)

# A stand-in for `starling node`: the life of its processes is what the test looks at.
add_executable(client_fake_node client_fake_node.cc client_fake_server.cc)
target_link_libraries(client_fake_node PRIVATE starling::client starling_warnings)
target_include_directories(client_fake_node PRIVATE ${PROJECT_SOURCE_DIR})
starling_test(client_local_swarm_test
  SOURCES client_local_swarm_test.cc
  USES starling::client)
target_compile_definitions(client_local_swarm_test PRIVATE
  STARLING_FAKE_NODE="$<TARGET_FILE:client_fake_node>")
add_dependencies(client_local_swarm_test client_fake_node)
