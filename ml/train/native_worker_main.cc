// starling-native-worker: started by a node, with its line on descriptor 3. Knows no LibTorch.
#include "ml/train/child_work.h"
#include "ml/train/native_engine.h"
#include "ml/train/worker_parent.h"

int main(int, char** arguments) {
  using namespace starling::ml;
  prepare_worker_program(arguments);
  NativeEngine engine;
  return run_worker_program("starling-native-worker",
                            [&](int channel) { return run_child(channel, engine); });
}
