/// The measured write as HTTP texts: to Starling, and to etcd's JSON gateway.
#pragma once

#include <string>

namespace starling::bench {

/// PUT /api/v1/registers/KEY
std::string set_register_request(const std::string& host,
                                 const std::string& token,
                                 const std::string& key,
                                 const std::string& value);

/// POST /v3/kv/put, key and value in base64.
std::string etcd_put_request(const std::string& host,
                             const std::string& key,
                             const std::string& value);

}  // namespace starling::bench
