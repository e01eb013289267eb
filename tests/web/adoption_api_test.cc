#include "ml/study/adoption.h"
#include "ml/study/study_wire.h"
#include "node/base/state_pairs.h"
#include "tests/web/api_fixture.h"

namespace starling::tests {
namespace {

constexpr std::string_view kFrom = "?from=00112233445566778899aabbccddeeff";

class AdoptionApi : public ApiTest {
 protected:
  AdoptionApi() { start(); }

  Reply adopt(std::string_view pairs, std::string_view query = kFrom) {
    return send("POST", fmt::format("/api/v1/swarm/adopt{}", query), pairs);
  }

  Reply put_blob(const ContentHash& hash, std::string_view content) {
    return send("PUT", "/api/v1/blobs/" + hash.hex(), content);
  }

  static std::string pairs_of(const ml::Dataset& dataset) {
    std::string pairs;
    append_pair(pairs, ml::keys::dataset(dataset.id), ml::encode(dataset));
    return pairs;
  }

  const std::string content_ = "x,y\n1,2\n";
  const ContentHash hash_ = hash_of(to_bytes(content_));
  const ml::Dataset dataset_{.id = "d-1",
                             .name = "table",
                             .blob = hash_,
                             .bytes = 8,
                             .rows = 1,
                             .profile = "{}",
                             .created_ms = 5};
};

TEST_F(AdoptionApi, ABlobIsKeptUnderTheHashOfItsContentAndUnderNoOther) {
  EXPECT_EQ(get("/api/v1/blobs/" + hash_.hex()).status, 503U) << "nobody has it";
  const Reply wrong = put_blob(hash_of(to_bytes("other")), content_);
  EXPECT_EQ(wrong.status, 422U) << wrong.body;
  EXPECT_EQ(parsed(wrong).value("field", ""), "hash") << wrong.body;
  EXPECT_TRUE(node.blobs().list().empty());
  EXPECT_EQ(put_blob(hash_, content_).status, 201U);
  EXPECT_EQ(put_blob(hash_, content_).status, 201U) << "it may be sent again";
  EXPECT_EQ(get("/api/v1/blobs/" + hash_.hex()).body, content_);
  EXPECT_EQ(get("/api/v1/blobs/xyz").status, 422U);
}

TEST_F(AdoptionApi, ALargeBlobIsRefusedByItsLimit) {
  options.upload_bytes_max = 4;
  server.reset();
  start();
  EXPECT_EQ(put_blob(hash_, content_).status, 413U);
}

TEST_F(AdoptionApi, WhatNamesABlobWaitsUntilItIsHere) {
  const Reply early = adopt(pairs_of(dataset_));
  EXPECT_EQ(early.status, 404U) << early.body;
  EXPECT_NE(early.body.find(hash_.hex()), std::string::npos) << early.body;
  ASSERT_EQ(put_blob(hash_, content_).status, 201U);
  const Reply adopted = adopt(pairs_of(dataset_));
  ASSERT_EQ(adopted.status, 200U) << adopted.body;
  EXPECT_EQ(parsed(adopted)["added"], 1);
  EXPECT_EQ(parsed(adopt(pairs_of(dataset_)))["added"], 0) << "said again";
  EXPECT_EQ(get("/api/v1/datasets/d-1/content").body, content_);
}

TEST_F(AdoptionApi, OnlyPiecesOfAnotherSwarmAreTaken) {
  EXPECT_EQ(adopt(pairs_of(dataset_), "").status, 422U);
  EXPECT_EQ(adopt(pairs_of(dataset_), std::string{kFrom} + "&trials=10001").status, 422U);
  EXPECT_EQ(adopt(pairs_of(dataset_), "?from=" + node.swarm().swarm.hex()).status, 422U);
  const Reply broken = adopt("abc");
  EXPECT_EQ(broken.status, 422U);
  EXPECT_EQ(parsed(broken).value("field", ""), "pairs") << broken.body;
  EXPECT_EQ(adopt(std::string(ml::kAdoptedBytesMax + 1, 'x')).status, 413U);
}

TEST_F(AdoptionApi, NoneOfItIsOpenToStrangers) {
  const auto stranger = [this](std::string_view method, std::string_view target) {
    return ask(server->port(), request_text(method, target, host, "", "x")).status;
  };
  EXPECT_EQ(stranger("POST", fmt::format("/api/v1/swarm/adopt{}", kFrom)), 401U);
  EXPECT_EQ(stranger("PUT", "/api/v1/blobs/" + hash_.hex()), 401U);
  EXPECT_EQ(stranger("GET", "/api/v1/blobs/" + hash_.hex()), 401U);
}

}  // namespace
}  // namespace starling::tests
