// starling-torch-worker: started by a node, with its line on descriptor 3.
#include "ml/train/child_work.h"
#include "ml/train/torch_engine.h"
#include "ml/train/worker_parent.h"

int main(int, char** arguments) {
  using namespace starling::ml;
  prepare_worker_program(arguments);
  TorchEngine engine;
  return run_worker_program("starling-torch-worker",
                            [&](int channel) { return run_child(channel, engine); });
}
