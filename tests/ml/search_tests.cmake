starling_test(search_test
  SOURCES plan_rules_test.cc search_parzen_test.cc search_pruner_test.cc search_sampler_test.cc search_space_test.cc search_spec_test.cc
  USES starling::search nlohmann_json::nlohmann_json)
starling_test(search_regret_test
  SOURCES search_regret_test.cc
  USES starling::search nlohmann_json::nlohmann_json)
