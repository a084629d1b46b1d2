"""The protocol's endpoints as pure functions of records; nothing here sees a voxel."""
