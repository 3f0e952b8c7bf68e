using OvirtSpm.Lab.Hosts;
namespace OvirtSpm.Lab;
public class ProbeTests(ITestOutputHelper output)
{
    [Fact(Explicit = true)]
    public async Task Probe()
    {
        await using var run = LabRun.Create();
        var lun = run.CreateLun("lun", 64 << 20);
        var host = await run.BootAsync(1, lun);
        var o = await host.RunAsync(Environment.GetEnvironmentVariable("PROBE")!);
        output.WriteLine($"{o.ExitCode}\n{o.Output}\n{o.Errors}\n{host.SerialLog}");
    }
}
