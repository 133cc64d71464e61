# Installs a build and compiles examples/quickstart.cc against what was
# installed, by the CMake package and by pkg-config.
#
#   cmake -D SOURCE=CHECKOUT -D BUILD=BUILD_FOLDER -D CXX=COMPILER -P check.cmake
set(work ${BUILD}/tmp/install)
set(prefix ${work}/prefix)
set(quickstart ${SOURCE}/examples/quickstart.cc)
file(REMOVE_RECURSE ${work})

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err)
  if(NOT code EQUAL 0)
    string(JOIN " " command ${ARGN})
    message(FATAL_ERROR "${command}: ${code}\n${out}${err}")
  endif()
  set(out "${out}" PARENT_SCOPE)
endfunction()

# The program says what it cannot load, so it is linked and runs.
function(check program)
  execute_process(COMMAND ${program} digts RESULT_VARIABLE code ERROR_VARIABLE err)
  if(NOT code EQUAL 1 OR NOT err MATCHES "did you mean \"digits\"")
    message(FATAL_ERROR "${program}: ${code}\n${err}")
  endif()
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
run(${prefix}/bin/litesmith list models)
foreach(file bash-completion/completions/litesmith zsh/site-functions/_litesmith
        fish/vendor_completions.d/litesmith.fish man/man1/litesmith.1)
  file(READ ${prefix}/share/${file} text)
  if(NOT text MATCHES "learning.?-rate")
    message(FATAL_ERROR "${prefix}/share/${file} names no option")
  endif()
endforeach()

run(${CMAKE_COMMAND} -S ${SOURCE}/tests/install -B ${work}/cmake -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_CXX_COMPILER=${CXX} -D QUICKSTART=${quickstart})
run(${CMAKE_COMMAND} --build ${work}/cmake)
check(${work}/cmake/quickstart)

file(GLOB_RECURSE pc ${prefix}/litesmith.pc)
get_filename_component(folder "${pc}" DIRECTORY)
set(ENV{PKG_CONFIG_PATH} ${folder})
run(pkg-config --cflags litesmith)
separate_arguments(cflags UNIX_COMMAND "${out}")
run(pkg-config --libs litesmith)
separate_arguments(libs UNIX_COMMAND "${out}")
# The whole archive: nothing that it needs may be missing.
list(TRANSFORM libs REPLACE "^-llitesmith$" "-Wl,--whole-archive;-llitesmith;-Wl,--no-whole-archive")
run(${CXX} ${cflags} ${quickstart} ${libs} -o ${work}/quickstart)
check(${work}/quickstart)
