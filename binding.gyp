{
  "targets": [
    {
      "target_name": "lingering_close",
      "sources": [
        "src-native/addon.cc",
        "src-native/socket_options.cc",
        "src-native/sigpipe.cc",
        "src-native/broken_pipe.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      # NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS: when a Worker is terminated while it loads the addon, the calls in Init
      # fail, and node-addon-api would end the process.
      "defines": [
        "NAPI_VERSION=8",
        "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
      ],
      # Node.js defines this. With it, glibc's <fcntl.h> turns fcntl into fcntl64, which musl does not have. The addon
      # does not work on files.
      "defines!": ["_FILE_OFFSET_BITS=64"],
      # The same flags whatever Node.js the headers are from, so that the binary is the same. -O3 would only inline
      # node-addon-api, and double the size.
      "cflags": ["-Wall", "-Wextra", "-Wno-unused-parameter", "-fvisibility=hidden", "-fno-strict-aliasing", "-O2"],
      "cflags!": ["-O3"],
      "cflags_cc": ["-std=c++17"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "conditions": [
        ["OS=='linux' and target_arch=='arm64'", {
          # Atomics out of line ask glibc for the processor at start (__getauxval), which musl does not have.
          "cflags": ["-mno-outline-atomics"]
        }],
        ["OS=='linux'", {
          "sources": [
            "src-native/linger_bindings.cc",
            "src-native/linger_loop.cc",
            "src-native/lingering_socket.cc",
            "src-native/deadlines.cc",
            "src-native/low_water_marks.cc",
            "src-native/poller.cc",
            "src-native/poller_epoll.cc",
            "src-native/round_trip.cc",
            "src-native/tcp_ending.cc",
            "src-native/tcp_memory.cc",
            "src-native/libstdcxx_floor.cc"
          ],
          "ldflags": [
            "-Wl,-z,now",
            "-Wl,-z,relro",
            "-Wl,-z,noexecstack",
            "-Wl,--as-needed",
            "-Wl,--build-id=sha1",
            # Relative to build/, where make runs.
            "-Wl,--version-script=../src-native/entry_points.map"
          ]
        }],
        ["OS=='mac'", {
          "xcode_settings": {
            "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
            "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
            "MACOSX_DEPLOYMENT_TARGET": "11.0"
          }
        }]
      ]
    }
  ]
}
