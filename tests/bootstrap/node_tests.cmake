starling_test(settings_test SOURCES settings_test.cc USES starling::bootstrap)
starling_test(identity_test SOURCES identity_test.cc USES starling::bootstrap)
starling_test(voter_plan_test SOURCES voter_plan_test.cc USES starling::bootstrap)
starling_test(study_machine_test SOURCES study_machine_test.cc USES starling::bootstrap)
