# What `cmake --install` puts where: the program with its completions and its
# manual page, the library as one archive, its headers, a CMake package and a
# pkg-config file.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# All rooms below the command line in one archive. In this tree, too, programs
# link it as others do.
set(objects $<TARGET_OBJECTS:ls_build_id>)
foreach(name ${LITESMITH_ROOMS})
  list(APPEND objects $<TARGET_OBJECTS:ls_${name}>)
endforeach()
add_library(litesmith_library STATIC ${objects})
add_library(litesmith::litesmith ALIAS litesmith_library)
set_target_properties(litesmith_library PROPERTIES OUTPUT_NAME litesmith EXPORT_NAME litesmith LINKER_LANGUAGE CXX)
target_compile_features(litesmith_library INTERFACE cxx_std_20)
target_include_directories(litesmith_library INTERFACE
  $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/litesmith>)
target_link_libraries(litesmith_library INTERFACE fmt::fmt Threads::Threads ZLIB::ZLIB JPEG::JPEG PNG::PNG hdf5::hdf5 PkgConfig::HWY PkgConfig::ZIP)

install(TARGETS litesmith)
install(TARGETS litesmith_library EXPORT litesmith)
if(LITESMITH_SHARE)
  install(FILES ${LITESMITH_SHARE}/litesmith DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${LITESMITH_SHARE}/_litesmith DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${LITESMITH_SHARE}/litesmith.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
  install(FILES ${LITESMITH_SHARE}/litesmith.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
install(FILES include/litesmith.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/litesmith)
# The rooms that litesmith.h shows; not those that need more libraries than fmt.
install(DIRECTORY src DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/litesmith
  FILES_MATCHING PATTERN "*.h" PATTERN "*.inc" PATTERN "*_test.h" EXCLUDE
  PATTERN "cli" EXCLUDE PATTERN "kernels" EXCLUDE PATTERN "formats" EXCLUDE PATTERN "toml_text.h" EXCLUDE)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/litesmith)
install(EXPORT litesmith NAMESPACE litesmith:: FILE litesmithTargets.cmake DESTINATION ${package_dir})
configure_package_config_file(cmake/litesmithConfig.cmake.in ${CMAKE_BINARY_DIR}/litesmithConfig.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/litesmithConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/litesmithConfig.cmake ${CMAKE_BINARY_DIR}/litesmithConfigVersion.cmake DESTINATION ${package_dir})

# The prefix is known only when it is installed: the file finds it from its own
# place.
file(RELATIVE_PATH LITESMITH_PREFIX_FROM_PC /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
pkg_search_module(LITESMITH_HDF5_PC QUIET hdf5-serial hdf5)
set(LITESMITH_HDF5_PC ${LITESMITH_HDF5_PC_MODULE_NAME})
configure_file(cmake/litesmith.pc.in ${CMAKE_BINARY_DIR}/litesmith.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/litesmith.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
