"""The public functions of `dist`, by what they do; users find all of them in `dist` itself."""
