# pybuild program: ensurepip-version
# Output: a line `ensurepip VERSION`.
import ensurepip
print('ensurepip ' + ensurepip.version())
