starling_test(engine_test
  SOURCES engine_kernels_test.cc engine_mlp_test.cc native_model_test.cc
  USES starling::engine starling::native_engine)
if(STARLING_TORCH)
  starling_test(torchscript_test
    SOURCES torchscript_test.cc USES starling::native_engine starling::torch_engine LABELS torch)
endif()
