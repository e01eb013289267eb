#include "web/report/html_text.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace starling::web {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kEllipsis = "\xE2\x80\xA6";

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

/// What may begin with a byte: how many follow, and which the first of these may be.
struct Lead {
  std::size_t following = 0;
  unsigned low = 0x80, high = 0xBF;
  bool is_lead = true;
};

Lead lead_of(unsigned byte) {
  if (byte < 0x80) return {};
  if (byte >= 0xC2 && byte <= 0xDF) return {1};
  if (byte == 0xE0) return {2, 0xA0, 0xBF};  // shorter forms are not allowed
  if (byte == 0xED) return {2, 0x80, 0x9F};  // surrogates are no characters
  if (byte >= 0xE1 && byte <= 0xEF) return {2};
  if (byte == 0xF0) return {3, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return {3};
  if (byte == 0xF4) return {3, 0x80, 0x8F};
  return {0, 0, 0, false};
}

/// One character, or as many bytes as begin one.
struct Piece {
  std::size_t size = 1;
  bool is_character = false;
};

Piece next_piece(std::string_view bytes, std::size_t at) {
  const Lead lead = lead_of(byte_at(bytes, at));
  if (!lead.is_lead) return {};
  std::size_t size = 1;
  unsigned low = lead.low;
  unsigned high = lead.high;
  while (size <= lead.following && at + size < bytes.size()) {
    const unsigned byte = byte_at(bytes, at + size);
    if (byte < low || byte > high) break;
    low = 0x80;
    high = 0xBF;
    ++size;
  }
  return {size, size == lead.following + 1};
}

bool is_unwanted(std::string_view character) {
  const unsigned first = byte_at(character, 0);
  if (character.size() == 1)
    return (first < 0x20 && first != '\t' && first != '\n') || first == 0x7F;
  if (character.size() == 2) return first == 0xC2 && byte_at(character, 1) < 0xA0;
  // U+200E, U+200F, U+202A to U+202E and U+2066 to U+2069
  constexpr std::array<std::string_view, 11> kTurning{"\xE2\x80\x8E",
                                                      "\xE2\x80\x8F",
                                                      "\xE2\x80\xAA",
                                                      "\xE2\x80\xAB",
                                                      "\xE2\x80\xAC",
                                                      "\xE2\x80\xAD",
                                                      "\xE2\x80\xAE",
                                                      "\xE2\x81\xA6",
                                                      "\xE2\x81\xA7",
                                                      "\xE2\x81\xA8",
                                                      "\xE2\x81\xA9"};
  return std::ranges::find(kTurning, character) != kTurning.end();
}

/// As much of valid text as so many characters take.
std::size_t size_of_characters(std::string_view text, std::size_t characters) {
  std::size_t at = 0;
  while (at < text.size() && characters > 0) {
    at += next_piece(text, at).size;
    --characters;
  }
  return at;
}

std::string_view reference_of(char character) {
  switch (character) {
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '&': return "&amp;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return {};
  }
}

}  // namespace

std::string valid_text(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    const Piece piece = next_piece(bytes, at);
    const std::string_view character = bytes.substr(at, piece.size);
    const bool is_shown = piece.is_character && !is_unwanted(character);
    text += is_shown ? character : kReplacement;
    at += piece.size;
  }
  return text;
}

std::string shortened_text(std::string_view bytes, std::size_t characters_max) {
  // Each character has four bytes at most: what is behind them need not be looked at.
  std::string text = valid_text(bytes.substr(0, 4 * characters_max + 4));
  if (size_of_characters(text, characters_max) == text.size()) return text;
  text.resize(size_of_characters(text, characters_max - 1));
  text += kEllipsis;
  return text;
}

std::string html_escaped(std::string_view bytes) {
  std::string escaped;
  for (const char character : valid_text(bytes)) {
    const std::string_view reference = reference_of(character);
    if (reference.empty()) {
      escaped += character;
    } else {
      escaped += reference;
    }
  }
  return escaped;
}

}  // namespace starling::web
