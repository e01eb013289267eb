#include "bootstrap/ledger_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace starling::bootstrap {
namespace {

using std::chrono::milliseconds;

constexpr char kAppend = 'C';
constexpr char kReadIndex = 'R';
constexpr std::size_t kHeaderBytes = 9;
constexpr std::uint64_t kPatienceMaxMs = 60'000;

Bytes request_of(char kind, milliseconds patience, std::string_view body) {
  std::string text{kind};
  text += big_endian_key(static_cast<std::uint64_t>(patience.count()));
  text += body;
  return to_bytes(text);
}

}  // namespace

Bytes append_request(milliseconds patience, std::string_view command) {
  return request_of(kAppend, patience, command);
}

Bytes read_index_request(milliseconds patience) {
  return request_of(kReadIndex, patience, {});
}

Result<LedgerRequest> parse_ledger_request(BytesView request) {
  const auto text = as_text(request);
  if (text.size() < kHeaderBytes)
    return Error{Errc::corrupt, "a ledger request is shorter than its header"};
  if (text.front() != kAppend && text.front() != kReadIndex)
    return Error{Errc::corrupt, fmt::format("a ledger request of unknown kind {}", int{text[0]})};
  const auto asked = std::min(from_big_endian_key(text.substr(1, 8)), kPatienceMaxMs);
  return LedgerRequest{
      text.front() == kAppend ? LedgerRequest::Kind::append : LedgerRequest::Kind::read_index,
      milliseconds{static_cast<std::int64_t>(asked)},
      text.substr(kHeaderBytes)};
}

}  // namespace starling::bootstrap
