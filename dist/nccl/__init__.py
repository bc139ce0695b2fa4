"""The backend `nccl`: collectives of tensors on CUDA devices, by NVIDIA's library, through CuPy."""
