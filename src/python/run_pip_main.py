
import runpy
sys.path[:] = [sys.argv[1]] + [entry for entry in sys.path if entry]
sys.argv = ['pip'] + sys.argv[2:]
if final:
    ignore_distutils_settings()
write_final_interpreter()
runpy.run_module('pip', run_name='__main__', alter_sys=True)
