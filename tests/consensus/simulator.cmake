# The simulator of Raft swarms, twice: over the code as it is, and over the same code with bugs that
# can be switched on (node/base/mutant.h).
add_library(starling_virtual_swarm_parts OBJECT
  raft_checker.cc
  ../support/fault_injector.cc
  ../support/mark_watcher.cc
  ../support/member_planner.cc
  ../support/sim_clients.cc
  ../support/sim_disk.cc
  ../support/sim_founding.cc
  ../support/sim_gossip.cc
  ../support/sim_history.cc
  ../support/sim_machine.cc
  ../support/sim_member.cc
  ../support/sim_network.cc
  ../support/sim_relays.cc
  ../support/sim_service.cc
  ../support/sim_snapshots.cc
  ../support/sim_voters.cc
  ../support/study_sim_machine.cc
  ../support/swarm_faults.cc
  ../support/swarm_marks.cc
  ../support/swarm_run.cc
  ../support/virtual_swarm.cc
  ../support/virtual_swarm_storage.cc
  # As a node links them, without the rest of their rooms.
  ${PROJECT_SOURCE_DIR}/bootstrap/founding.cc
  ${PROJECT_SOURCE_DIR}/bootstrap/recent_values.cc
  ${PROJECT_SOURCE_DIR}/bootstrap/study_machine.cc
  ${PROJECT_SOURCE_DIR}/bootstrap/voter_candidate.cc
  ${PROJECT_SOURCE_DIR}/bootstrap/voter_plan.cc
  ${PROJECT_SOURCE_DIR}/consensus/group/snapshot_stream.cc
  ${PROJECT_SOURCE_DIR}/consensus/group/state_chain.cc)
target_include_directories(starling_virtual_swarm_parts PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(starling_virtual_swarm_parts
  PUBLIC starling::study starling::gossip PkgConfig::xxhash PRIVATE starling_warnings)

add_library(starling_virtual_swarm INTERFACE)
target_link_libraries(starling_virtual_swarm INTERFACE
  starling_virtual_swarm_parts $<TARGET_OBJECTS:starling_virtual_swarm_parts> starling::relay
  starling::storage)

add_executable(simulate simulate.cc)
target_link_libraries(simulate PRIVATE starling_virtual_swarm CLI11::CLI11 starling_warnings)

starling_test(virtual_swarm_test
  SOURCES virtual_swarm_test.cc USES starling_virtual_swarm)

# Raft, the relay and the store of tests once more; not RocksDB's.
starling_planted_bugs(starling_raft_mutants ROOMS raft relay storage
  EXCLUDE "disk_log_store|applied_state|segment_log" USES starling::base starling::raft_proto)

add_executable(simulate_mutants simulate_mutants.cc)
target_link_libraries(simulate_mutants PRIVATE
  starling_virtual_swarm_parts starling_raft_mutants CLI11::CLI11 starling_warnings)

# The mutation gate: a simulator that lets a planted bug pass is not good enough.
add_test(NAME mutation_gate COMMAND simulate_mutants --gate)
set_tests_properties(mutation_gate PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 900)
