#include "ml/serve/container_file.h"

#include <fmt/format.h>

#include <string_view>

namespace starling::ml {
namespace {

constexpr std::string_view kText =
    R"(# docker build -t model . && docker run --rm -i model < ROWS.csv > PREDICTIONS.csv
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3{}{} \
 && rm -rf /var/lib/apt/lists/*
COPY . /model
USER nobody
ENTRYPOINT ["python3", "/model/predict.py"]
CMD ["-"]
)";

}  // namespace

std::string container_file(bool has_networks, bool has_trees) {
  return fmt::format(
      kText, has_networks ? " python3-torch" : "", has_trees ? " python3-xgboost" : "");
}

}  // namespace starling::ml
