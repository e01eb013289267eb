#include "tools/bench_core/register_request.h"

#include <fmt/format.h>

#include <sodium.h>

namespace starling::bench {
namespace {

std::string base64(const std::string& text) {
  constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL;
  std::string encoded(sodium_base64_encoded_len(text.size(), kVariant), '\0');
  sodium_bin2base64(encoded.data(),
                    encoded.size(),
                    reinterpret_cast<const unsigned char*>(text.data()),
                    text.size(),
                    kVariant);
  encoded.pop_back();  // its terminator
  return encoded;
}

}  // namespace

std::string set_register_request(const std::string& host,
                                 const std::string& token,
                                 const std::string& key,
                                 const std::string& value) {
  return fmt::format(
      "PUT /api/v1/registers/{} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n"
      "Content-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n{}",
      key,
      host,
      token,
      value.size(),
      value);
}

std::string etcd_put_request(const std::string& host,
                             const std::string& key,
                             const std::string& value) {
  const std::string body =
      fmt::format(R"({{"key":"{}","value":"{}"}})", base64(key), base64(value));
  return fmt::format(
      "POST /v3/kv/put HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n"
      "Content-Length: {}\r\n\r\n{}",
      host,
      body.size(),
      body);
}

}  // namespace starling::bench
