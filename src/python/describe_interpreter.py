# pybuild program: describe-interpreter
# Output: a line `pybuild-answer JSON`.
import sys
sys.path[:] = [entry for entry in sys.path if entry]
import json, os, sysconfig
stdlib = getattr(os, '__file__', None)
stdlib = os.path.dirname(os.path.abspath(stdlib)) if stdlib else sysconfig.get_path('stdlib')
level = {'alpha': 'a', 'beta': 'b', 'candidate': 'rc', 'final': ''}[sys.version_info[3]]
base = getattr(sys, 'real_prefix', None) or getattr(sys, 'base_prefix', sys.prefix)
print('pybuild-answer ' + json.dumps({
    'executable': sys.executable,
    'base_executable': getattr(sys, '_base_executable', None),
    'version': '%d.%d.%d' % sys.version_info[:3] + (level and level + str(sys.version_info[4])),
    'prefix': sys.prefix,
    'base_prefix': base,
    'stdlib': stdlib,
    'purelib': sysconfig.get_path('purelib'),
    'scripts': sysconfig.get_path('scripts'),
    'wheel_folder': sysconfig.get_config_var('WHEEL_PKG_DIR') or None,
}))
