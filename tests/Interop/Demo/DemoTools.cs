namespace OvirtSpm.Interop.Demo;

/// <summary>Skips a test by the name of what it lacks.</summary>
static class DemoTools
{
    public static void Need(params string[] programs)
    {
        var places = (Environment.GetEnvironmentVariable("PATH") + ":/usr/local/sbin:/usr/sbin:/sbin").Split(':');
        foreach (var program in programs)
        {
            Assert.SkipUnless(places.Any(place => File.Exists(Path.Combine(place, program))), $"{program} is not installed");
        }
    }

    public static void NeedRoot()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "loop devices need root");
        Assert.SkipUnless(File.Exists("/dev/loop-control"), "this machine has no loop devices");
    }

    public static void NeedSanlock() =>
        Assert.SkipUnless(File.Exists(Environment.GetEnvironmentVariable("SPM_SANLOCK")), "sanlock is not unpacked (SPM_SANLOCK)");
}
