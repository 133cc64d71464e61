// Which HDF5 library reads and writes .h5 files here.
#ifndef LITESMITH_FORMATS_HDF5_H5_VERSION_H_
#define LITESMITH_FORMATS_HDF5_H5_VERSION_H_

#include <string>

namespace litesmith {

// "1.10.8": the library that the program is linked with as it runs.
std::string Hdf5Version();

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_HDF5_H5_VERSION_H_
