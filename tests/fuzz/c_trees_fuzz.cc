// Trees of an artifact that somebody hands over, on their way to becoming C.
#include "ml/export/c_trees.h"
#include "tests/fuzz/fuzz_target.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <vector>

namespace {

using starling::fuzz::require;

constexpr std::size_t kInputs = 6;  // as the corpus has

struct Node {
  int left = 0, column = 0;
};

/// The table that the text walks over.
std::vector<Node> nodes_in(const std::string& text) {
  std::vector<Node> nodes;
  std::size_t at = text.find("static const struct st_node ");
  require(at != std::string::npos, "there is a table of nodes");
  const std::size_t end = text.find("};", at);
  at = text.find("= {", at) + 2;
  for (at = text.find('{', at + 1); at < end; at = text.find('{', at + 1)) {
    Node node;
    require(std::sscanf(text.c_str() + at, "{%d,%d,", &node.left, &node.column) == 2, "a node");
    nodes.push_back(node);
  }
  return nodes;
}

/// What is let through is text whose walks stay inside its table and its row.
void require_c(const std::string& text) {
  require(text.find('\0') == std::string::npos, "the text is text");
  require(std::ranges::count(text, '{') == std::ranges::count(text, '}'), "braces are closed");
  require(text.find("nan") == std::string::npos && text.find("inf") == std::string::npos,
          "numbers are finite");
  const auto nodes = nodes_in(text);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].left == 0) continue;
    require(nodes[i].left > 0 && i + static_cast<std::size_t>(nodes[i].left) + 1 < nodes.size(),
            "children are in the table, behind their parent");
    require(nodes[i].column >= 0 && static_cast<std::size_t>(nodes[i].column) < kInputs,
            "a column is one of the row");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  const std::string_view input = as_text(fuzz::as_bytes_view(data, size));
  const std::array models{ml::CModel{0, kInputs, 1, true},
                          ml::CModel{0, kInputs, 2, false},
                          ml::CModel{0, kInputs, 3, false}};
  std::size_t accepted = 0;
  for (const ml::CModel& model : models) {
    ml::CSource source;
    const auto written = ml::write_trees(input, model, source);
    if (written) {
      ++accepted;
      require_c(source.text());
    } else {
      require(written.error().code == Errc::corrupt, "what is refused is called corrupt");
    }
  }
  require(accepted <= 1, "they are of one task");
  if (accepted == 1) fuzz::count_accepted();
  return 0;
}
