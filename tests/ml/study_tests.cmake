starling_test(study_state_test SOURCES study_state_test.cc USES starling::study)
starling_test(study_wire_test SOURCES study_wire_test.cc USES starling::study)
starling_test(study_plan_test SOURCES study_plan_test.cc USES starling::study)
starling_test(scheduler_test SOURCES scheduler_test.cc USES starling::schedule)
