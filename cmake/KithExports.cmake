# Writes the names of the functions that kith.h declares with KITH_API: as a plain list (LIST, for
# objcopy) and as a version script (MAP, from TEMPLATE). Run with `cmake -P`.
file(READ ${HEADER} text)
# Semicolons and brackets mean something in CMake lists.
string(REGEX REPLACE "[][]" "" text "${text}")
string(REPLACE ";" "\n" text "${text}")
string(REGEX REPLACE "/\\*([^*]|\\*+[^*/])*\\*+/" "" text "${text}")
string(REGEX REPLACE "#define[^\n]*" "" text "${text}")
string(REGEX MATCHALL "KITH_API[^(]*[ *\n]kith_[a-z0-9_]+\\(" declarations "${text}")
set(names)
foreach(declaration IN LISTS declarations)
    string(REGEX REPLACE ".*[ *\n](kith_[a-z0-9_]+)\\($" "\\1" name "${declaration}")
    list(APPEND names ${name})
endforeach()
list(SORT names)
list(LENGTH names count)
if(count EQUAL 0)
    message(FATAL_ERROR "${HEADER} declares nothing with KITH_API")
endif()

list(JOIN names "\n" lines)
file(WRITE ${LIST} "${lines}\n")
list(JOIN names ";\n        " KITH_EXPORTS)
configure_file(${TEMPLATE} ${MAP} @ONLY)
# configure_file keeps an unchanged file's time; the build wants to see that it is fresh.
file(TOUCH ${MAP})
