/// A trained network of the own engine as a file that PyTorch opens too: TorchScript, with a head
/// for this program in `extra/starling.json`. There is one copy of the weights.
///
///     archive/data.pkl              a module with weight0, bias0, weight1, ... (pickle protocol 2)
///     archive/data/0, 1, ...        their floats, little endian, as torch_code.h has them
///     archive/code/__torch__.py     its `forward`
///     archive/constants.pkl, archive/version
///     archive/extra/starling.json   {format, inputs, outputs, hidden, task, scale, shift}, of
///                                   format 2 {log1p, activation} too, and of format 3 {norm,
///                                   residual, members, embedding: {kind, numbers, width, bins,
///                                   levels: [[from, count], ...], level_width}}
///
/// The same network makes the same bytes: the zip holds no times. Pure.
///
/// Source: PyTorch 1.13, torch/csrc/jit/serialization (format version 3).
#pragma once

#include "ml/engine/network_shape.h"
#include "node/base/error.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

struct NativeModel {
  NetworkShape net;
  bool is_regression = true;
  double scale = 1;  ///< regression: output * scale + shift is in the target's units
  double shift = 0;
  bool is_log = false;         ///< regression: that is log(1 + target)
  std::vector<float> weights;  ///< as ml/engine/mlp.h, `weights`

  friend bool operator==(const NativeModel&, const NativeModel&) = default;
};

inline constexpr std::size_t kNativeLayersMax = 64;
inline constexpr std::size_t kNativeWidthMax = 1 << 16;
inline constexpr std::size_t kNativeInputsMax = 1 << 18;
inline constexpr std::size_t kNativeMembersMax = 256;
inline constexpr std::size_t kNativeEmbeddingMax = 1024;  ///< width, bins

/// `model` has as many weights as its sizes say. Errors: `io`: there is no room for it.
Result<std::string> to_torchscript(const NativeModel& model);

/// Whether the own engine wrote it, so that no LibTorch is needed to read it.
bool is_native_model(std::string_view bytes);

/// Takes no more memory than a small multiple of `bytes`.
/// Errors: `corrupt`: not such a file, damaged, or of a size that its head does not say.
Result<NativeModel> read_native_model(std::string_view bytes);

/// What a network for regression says becomes the target's units, in double, rounded once.
void scale_outputs(std::vector<float>& numbers, double scale, double shift, bool is_log);

}  // namespace starling::ml
