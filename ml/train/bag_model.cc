#include "ml/train/bag_model.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

namespace starling::ml {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kListBegins = R"({"bag":)";

class BagModel : public ServedModel {
 public:
  struct Member {
    BagPart part;
    std::unique_ptr<ServedModel> model;
  };

  explicit BagModel(std::vector<Member> members) : members_(std::move(members)) {}

  std::vector<float> predict(const Matrix& features, std::size_t& columns) override {
    std::vector<double> sums;
    for (const Member& member : members_) {
      const auto said = member.model->predict(part_of(features, member.part), columns);
      sums.resize(said.size());
      for (std::size_t i = 0; i < said.size(); ++i)
        sums[i] += member.part.weight * static_cast<double>(said[i]);
    }
    std::vector<float> means;
    means.reserve(sums.size());
    for (const double sum : sums)
      means.push_back(static_cast<float>(sum));
    return means;
  }

 private:
  static Matrix part_of(const Matrix& rows, const BagPart& part) {
    if (part.from + part.columns > rows.columns) {
      throw std::invalid_argument(fmt::format(
          "rows have {} numbers, the bag takes {}", rows.columns, part.from + part.columns));
    }
    Matrix some{rows.rows, part.columns, {}};
    some.values.reserve(rows.rows * part.columns);
    for (std::size_t row = 0; row < rows.rows; ++row) {
      const float* begin = rows.values.data() + row * rows.columns + part.from;
      some.values.insert(some.values.end(), begin, begin + part.columns);
    }
    return some;
  }

  std::vector<Member> members_;
};

std::vector<BagPart> parts_from(const std::string& text) {
  std::vector<BagPart> parts;
  const Json list = Json::parse(text);
  for (const Json& one : list.at("bag")) {
    parts.push_back({one.at("model").get<std::string>(),
                     one.at("from").get<std::size_t>(),
                     one.at("columns").get<std::size_t>(),
                     one.at("weight").get<double>()});
  }
  return parts;
}

bool is_list(const std::filesystem::path& path) {
  std::string begin(kListBegins.size(), '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return begin == kListBegins;
}

}  // namespace

std::string to_json(const std::vector<BagPart>& parts) {
  Json list = Json::array();
  for (const BagPart& part : parts) {
    list.push_back({{"model", part.model.string()},
                    {"from", part.from},
                    {"columns", part.columns},
                    {"weight", part.weight}});
  }
  return Json{{"bag", list}}.dump();
}

std::unique_ptr<ServedModel> load_bag(Engine& engine, const std::vector<BagPart>& parts) {
  if (parts.empty()) throw std::invalid_argument("a bag without models");
  std::vector<BagModel::Member> members;
  for (const BagPart& part : parts)
    members.push_back({part, engine.load(part.model.string())});
  return std::make_unique<BagModel>(std::move(members));
}

std::unique_ptr<ServedModel> load_served(Engine& engine, const std::filesystem::path& path) {
  if (!is_list(path)) return engine.load(path.string());
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return load_bag(engine, parts_from(text.str()));
}

}  // namespace starling::ml
