starling_test(study_state_test SOURCES study_state_test.cc adoption_test.cc USES starling::study)
starling_test(ensemble_test SOURCES ensemble_test.cc ensemble_finish_test.cc USES starling::ensemble)
starling_test(registers_test SOURCES registers_test.cc answer_table_test.cc cluster_clock_test.cc
  swarm_members_test.cc USES starling::study)
starling_test(study_wire_test SOURCES study_wire_test.cc state_backup_test.cc USES starling::study)
starling_test(outbox_test SOURCES outbox_test.cc USES starling::work)
starling_test(checkpoint_files_test SOURCES checkpoint_files_test.cc USES starling::work)
starling_test(study_plan_test SOURCES study_plan_test.cc USES starling::study)
starling_test(checkpoint_exchange_test SOURCES checkpoint_exchange_test.cc USES starling::work)
starling_test(scheduler_test SOURCES fold_fits_test.cc memory_call_test.cc moving_test.cc node_rooms_test.cc own_queue_test.cc scheduler_test.cc trial_rules_test.cc USES starling::schedule)
starling_test(trial_world_test SOURCES trial_laws.cc trial_world.cc trial_world_test.cc USES starling::schedule)

starling_planted_bugs(starling_trial_mutants ROOMS study schedule
  USES starling::base starling::secure starling::search starling::table starling::study_proto
    starling::gossip starling::network_choice nlohmann_json::nlohmann_json)
starling_test(trial_mutants_test SOURCES trial_laws.cc trial_world.cc trial_mutants_test.cc
  USES starling_trial_mutants)
