// starling-torch-worker: started by a node, with its line on descriptor 3.
#include "ml/train/child_work.h"
#include "ml/train/torch_engine.h"
#include "ml/train/worker_parent.h"
#include "ml/work/packet_socket.h"

#include <cstdio>
#include <sys/socket.h>

int main(int, char** arguments) {
  using namespace starling::ml;
  prepare_worker_program(arguments);
  int type = 0;
  socklen_t size = sizeof type;
  const int known = ::getsockopt(kWorkerControlFd, SOL_SOCKET, SO_TYPE, &type, &size);
  if (known != 0 || type != SOCK_SEQPACKET) {
    std::fputs("starling-torch-worker is started by a node: `starling node --help`\n", stderr);
    return 2;
  }
  TorchEngine engine;
  return run_worker_parent(kWorkerControlFd,
                           [&](int channel) { return run_child(channel, engine); });
}
