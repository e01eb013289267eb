// etcd_load: writers against one etcd member over its gRPC, asynchronously, from one thread.
//
// A program of its own, so that nothing else needs gRPC. It encodes PutRequest {1: key, 2: value}
// by hand and calls without generated code, which is also the cheapest way. Prints one JSON object.
#include "tools/bench_core/write_load.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace starling::bench {
namespace {

constexpr const char* kPut = "/etcdserverpb.KV/Put";
constexpr std::chrono::seconds kDeadline{10};

struct EtcdLoadOptions {
  std::string server;
  std::size_t connections = 1;
  LoadPlan plan;
};

void add_bytes_field(std::string& message, int number, const std::string& bytes) {
  message += static_cast<char>(number << 3 | 2);
  std::size_t length = bytes.size();
  for (; length > 127; length >>= 7)
    message += static_cast<char>(length | 0x80);
  message += static_cast<char>(length);
  message += bytes;
}

grpc::ByteBuffer put_request(const std::string& key, const std::string& value) {
  std::string message;
  add_bytes_field(message, 1, key);
  add_bytes_field(message, 2, value);
  const grpc::Slice slice{message};
  return grpc::ByteBuffer{&slice, 1};
}

/// One that writes: a call under way, and what it needs for the next.
class Writer {
 public:
  Writer(std::size_t number, std::shared_ptr<grpc::Channel> channel, grpc::CompletionQueue& queue)
      : number_(number), stub_(std::move(channel)), queue_(queue) {}

  void write_one(const LoadPlan& plan) {
    context_.emplace();
    context_->set_deadline(std::chrono::system_clock::now() + kDeadline);
    const auto request =
        put_request(key_of(plan, number_, count_), value_of(plan, number_, count_));
    ++count_;
    started_ = Clock::now();
    call_ = stub_.PrepareUnaryCall(&*context_, kPut, request, &queue_);
    call_->StartCall();
    call_->Finish(&answer_, &status_, this);
  }

  void note_in(Tally& tally) const {
    if (status_.ok())
      tally.succeeded(started_);
    else
      tally.failed(status_.error_message());
  }

 private:
  std::size_t number_;
  grpc::GenericStub stub_;
  grpc::CompletionQueue& queue_;
  std::optional<grpc::ClientContext> context_;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> call_;
  grpc::ByteBuffer answer_;
  grpc::Status status_;
  std::size_t count_ = 0;
  Clock::time_point started_;
};

std::vector<std::shared_ptr<grpc::Channel>> open_channels(const EtcdLoadOptions& options) {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (std::size_t i = 0; i < options.connections; ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // so that each is a connection
    channels.push_back(
        grpc::CreateCustomChannel(options.server, grpc::InsecureChannelCredentials(), arguments));
  }
  return channels;
}

Json run_load(const EtcdLoadOptions& options) {
  const auto channels = open_channels(options);
  grpc::CompletionQueue queue;
  Tally tally{options.plan};
  std::vector<std::unique_ptr<Writer>> writers;
  for (std::size_t i = 0; i < options.plan.writers; ++i) {
    writers.push_back(std::make_unique<Writer>(i, channels[i % channels.size()], queue));
    writers.back()->write_one(options.plan);
  }
  std::size_t active = writers.size();
  void* done = nullptr;
  bool is_good = false;
  while (active > 0 && queue.Next(&done, &is_good)) {
    auto& writer = *static_cast<Writer*>(done);
    writer.note_in(tally);
    if (tally.is_over())
      --active;
    else
      writer.write_one(options.plan);
  }
  Json json = tally.finish();
  json["connections"] = options.connections;
  return json;
}

}  // namespace
}  // namespace starling::bench

int main(int argc, char** argv) {
  starling::bench::EtcdLoadOptions options;
  int seconds = 5;
  CLI::App app{"Writes to an etcd member over gRPC as fast as it answers"};
  app.add_option("--server", options.server, "HOST:PORT")->required();
  app.add_option("--connections", options.connections)->check(CLI::Range(1, 64));
  app.add_option("--writers", options.plan.writers)->check(CLI::Range(1, 10'000));
  app.add_option("--seconds", seconds)->check(CLI::Range(1, 3600));
  app.add_option("--pid", options.plan.servers, "a server's process, for its CPU time");
  CLI11_PARSE(app, argc, argv);
  options.plan.time = std::chrono::seconds{seconds};
  std::printf("%s\n", starling::bench::run_load(options).dump().c_str());
  return 0;
}
