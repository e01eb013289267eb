# cmake -DINPUT=table.csv -DOUTPUT=table.cc -P embed_csv.cmake
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "#include \"bootstrap/client/insurance_csv.h\"

namespace starling::bootstrap {
namespace {
constexpr char kBytes[] = {
${bytes}
};
}  // namespace

std::string_view insurance_csv() { return {kBytes, sizeof kBytes}; }

}  // namespace starling::bootstrap
")
