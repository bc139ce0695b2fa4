"""The backend `mpi`: collectives by an MPI library, through mpi4py, in processes that mpirun or srun started."""
