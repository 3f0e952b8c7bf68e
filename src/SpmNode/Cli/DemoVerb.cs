using System.CommandLine;
using OvirtSpm.Node.Demo;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm demo</c>: the main job on one machine, confirmed by independent tools.</summary>
static class DemoVerb
{
    public static Command Create()
    {
        var hosts = new Option<int>("--hosts")
        {
            Description = "Node processes to start, 2 to 16.",
            DefaultValueFactory = _ => DemoOptions.DefaultHosts,
        };
        var seconds = new Option<int>("--seconds")
        {
            Description = "How long the guests write; the SPM is killed after a third of it.",
            DefaultValueFactory = _ => DemoOptions.DefaultSeconds,
        };
        var lun = new Option<string?>("--lun") { Description = "An empty file or block device to use instead of a sparse file. It is overwritten." };
        var keep = new Option<string?>("--keep") { Description = "A directory in which the LUN and the logs stay." };
        var json = new Option<bool>("--json") { Description = "Nothing on stdout but the summary, one line." };
        var verb = new Command("demo", "Three hosts, one shared disk, two guests whose disks grow while the SPM is killed (watchdog off: unsafe, for show).")
        {
            hosts, seconds, lun, keep, json,
        };
        verb.SetAction((parsed, stop) => SpmCommand.GuardAsync(() =>
        {
            var options = new DemoOptions(
                parsed.GetValue(hosts), TimeSpan.FromSeconds(parsed.GetValue(seconds)), parsed.GetValue(lun), parsed.GetValue(keep), parsed.GetValue(json));
            return DemoRun.RunAsync(options.Validated(), stop);
        }));
        return verb;
    }
}
