# A worker program without LibTorch, so that everything around it is tested under sanitizers too.
add_executable(starling-fake-worker train_fake_worker.cc)
target_link_libraries(starling-fake-worker PRIVATE
  starling::worker_parent starling::trial starling_warnings)

starling_test(train_worker_pool_test
  SOURCES train_worker_pool_test.cc
  USES starling::worker_pool starling::trial)
starling_test(serve_test
  SOURCES serve_artifact_test.cc serve_predictor_test.cc
  USES starling::artifact starling::predictor starling::trial)
if(STARLING_SANITIZE)
  # As in the root: g++ 12 takes the frames of Asio's coroutines for mismatched allocations.
  target_compile_options(train_worker_pool_test PRIVATE -Wno-mismatched-new-delete)
endif()
foreach(name train_worker_pool_test serve_test)
  target_compile_definitions(${name} PRIVATE
    STARLING_FAKE_WORKER="$<TARGET_FILE:starling-fake-worker>")
  add_dependencies(${name} starling-fake-worker)
endforeach()

# The same story with each engine.
foreach(engine native torch)
  if(TARGET starling-${engine}-worker)
    starling_test(${engine}_train_test
      SOURCES train_test.cc
      USES starling::artifact starling::predictor starling::schedule starling::trial
        starling::worker_pool
      LABELS ${engine})
    target_compile_definitions(${engine}_train_test PRIVATE
      STARLING_WORKER="$<TARGET_FILE:starling-${engine}-worker>")
    # What the own engine trained is served without any other program.
    if(engine STREQUAL "native")
      target_compile_definitions(native_train_test PRIVATE STARLING_SECOND_WORKER="/nowhere" STARLING_HAS_TREES)
    else()
      target_compile_definitions(torch_train_test PRIVATE STARLING_SECOND_WORKER=STARLING_WORKER)
    endif()
    add_dependencies(${engine}_train_test starling-${engine}-worker)
    if(STARLING_SANITIZE)
      target_compile_options(${engine}_train_test PRIVATE -Wno-mismatched-new-delete)
    endif()
  endif()
endforeach()

# A test that starts the worker of the own engine.
function(starling_native_worker_test name)
  starling_test(${name} ${ARGN})
  target_compile_definitions(${name} PRIVATE
    STARLING_WORKER="$<TARGET_FILE:starling-native-worker>")
  add_dependencies(${name} starling-native-worker)
  if(STARLING_SANITIZE)
    target_compile_options(${name} PRIVATE -Wno-mismatched-new-delete)
  endif()
endfunction()

starling_test(row_weights_test SOURCES row_weights_test.cc USES starling::table starling::trial)

if(TARGET starling-native-worker)
  starling_native_worker_test(train_checkpoint_test
    SOURCES train_checkpoint_test.cc
    USES starling::native_engine starling::trial starling::worker_pool)
  starling_native_worker_test(bag_test
    SOURCES bag_test.cc
    USES starling::artifact starling::predictor starling::study starling::trial starling::worker_pool)
  starling_native_worker_test(single_final_test
    SOURCES single_final_test.cc
    USES starling::artifact starling::native_engine starling::predictor starling::study starling::trial starling::worker_pool)
  starling_native_worker_test(class_weights_test
    SOURCES class_weights_test.cc
    USES starling::artifact starling::ensemble starling::predictor starling::study starling::trial starling::worker_pool)
  starling_native_worker_test(c_export_test
    SOURCES c_export_by_hand_test.cc c_export_test.cc
    USES starling::c_export starling::predictor starling::study starling::trial starling::worker_pool)
  starling_native_worker_test(predict_script_test
    SOURCES predict_script_test.cc
    USES starling::artifact starling::predictor starling::trial starling::worker_pool)
endif()
