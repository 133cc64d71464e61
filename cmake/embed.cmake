# Writes the source file of the report's assets (src/study/report/assets.h): each
# file's text as string literals.
#
#   cmake -D OUT=FILE.cc -D "FILES=kName=PATH;..." -P embed.cmake
cmake_minimum_required(VERSION 3.25)
file(WRITE ${OUT} "// Written by cmake/embed.cmake.
#include \"src/study/report/assets.h\"

namespace litesmith {

")
foreach(each ${FILES})
  string(REGEX MATCH "^([^=]+)=(.*)$" all "${each}")
  set(name ${CMAKE_MATCH_1})
  file(READ ${CMAKE_MATCH_2} text)
  # A script element ends at the first such text, wherever it stands.
  if(NOT name STREQUAL "kPageHtml" AND text MATCHES "</script")
    message(FATAL_ERROR "${CMAKE_MATCH_2} holds </script, which would end the page's element")
  endif()
  file(APPEND ${OUT} "const std::string_view ${name} = ")
  # Compilers limit the length of one literal.
  string(LENGTH "${text}" length)
  set(at 0)
  while(at LESS length)
    string(SUBSTRING "${text}" ${at} 12000 part)
    file(APPEND ${OUT} "R\"~(${part})~\"\n")
    math(EXPR at "${at} + 12000")
  endwhile()
  file(APPEND ${OUT} ";\n\n")
endforeach()
file(APPEND ${OUT} "}  // namespace litesmith\n")
