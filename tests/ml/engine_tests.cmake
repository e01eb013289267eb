starling_test(engine_test
  SOURCES engine_kernels_test.cc engine_mlp_test.cc native_model_test.cc study_bits_test.cc
  USES starling::engine starling::native_engine starling::trial)
if(STARLING_TORCH)
  starling_test(torchscript_test
    SOURCES torchscript_test.cc USES starling::native_engine starling::torch_engine LABELS torch)
endif()
if(STARLING_TORCH)
  starling_test(autograd_test
    SOURCES autograd_test.cc USES starling::engine starling::native_model LABELS torch)
  target_include_directories(autograd_test SYSTEM PRIVATE ${STARLING_TORCH_INCLUDE})
  target_link_libraries(autograd_test PRIVATE
    ${STARLING_TORCH_LIBRARY} ${STARLING_TORCH_CPU_LIBRARY} ${STARLING_C10_LIBRARY})
  set_target_properties(autograd_test PROPERTIES JOB_POOL_COMPILE torch_pool)
endif()

starling_test(report_test SOURCES column_evidence_test.cc report_test.cc USES starling::report nlohmann_json::nlohmann_json)
starling_test(linear_model_test SOURCES linear_model_test.cc USES starling::native_engine)
starling_test(trees_test
  SOURCES trees_test.cc
  USES starling::boosted_trees starling::tree_check nlohmann_json::nlohmann_json)
target_include_directories(trees_test SYSTEM PRIVATE ${STARLING_XGBOOST_INCLUDE})
target_link_libraries(trees_test PRIVATE ${STARLING_XGBOOST_LIBRARY})
starling_test(row_memory_test SOURCES row_memory_test.cc USES starling::native_engine starling::table)
