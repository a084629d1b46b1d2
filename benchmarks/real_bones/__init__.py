"""Accuracy on bones of real shape: measured bone surfaces, lesions and blur of its own making.

Run with ``python -m benchmarks.real_bones --seeds 1 2 3`` from the repository's root after
``pip install -e ".[bench]"``. Nothing of `phantoms` is used but the writer of tables: bones come
from the surface meshes of a musculoskeletal model, lesions are random star-shaped surfaces, and a
scan is the exact sum of blurred bones over soft tissue. What a mesh does not hold (cortex,
trabeculae, marrow, cartilage, soft tissue) is drawn by chance.
"""
