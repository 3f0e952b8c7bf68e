namespace OvirtSpm.Interop.Cli;

public sealed class CliRemoveTests
{
    [Fact]
    public async Task A_domain_in_use_is_neither_removed_nor_wiped_and_an_unused_one_leaves_an_empty_LUN()
    {
        CliLun.SkipWithoutLoop();
        using var file = await CliLun.WithDomainAsync();
        using var lun = file.Copy(withLoop: true);
        var before = lun.Fingerprint();
        (await CliSpm.RunAsync("domain", "remove", "--lun", lun.Path)).Refused("would be lost", "--yes");
        Assert.Equal(before, lun.Fingerprint());

        var state = Directory.CreateTempSubdirectory("spm-cli-").FullName;
        try
        {
            using var node = CliSpm.Start(
                "node", "--lun", lun.Path, "--host-id", "1", "--name", "n1", "--state", state, "--listen", "127.0.0.1:0");
            _ = node.StandardOutput.ReadToEndAsync();
            var told = node.StandardError.ReadToEndAsync();
            for (var look = 0; ; look++)
            {
                Assert.False(node.HasExited, node.HasExited ? await told : "");
                Assert.True(look < 200, "the node never joined");
                var hosts = (await CliSpm.RunAsync("lease", "show", "--lun", lun.Path, "--json")).Succeeded().Json.GetProperty("hosts").EnumerateArray();
                if (hosts.Any(host => host.GetProperty("hostId").GetInt32() == 1 && host.GetProperty("timestamp").GetInt64() != 0))
                {
                    break;
                }
            }
            (await CliSpm.RunAsync("domain", "remove", "--lun", lun.Path, "--yes")).Refused("host id 1", "Stop that node");
            (await CliSpm.RunAsync("domain", "remove", "--lun", lun.Path, "--yes", "--wait")).Refused("host id 1", "Stop that node");
            (await CliSpm.RunAsync("domain", "create", "--lun", lun.Path, "--wipe")).Refused("nothing is wiped", "host id 1");
            node.Kill();
            await node.WaitForExitAsync();
            // Killed, it did not give its host id back: that it is dead is to be proven, which takes 8 T.
            (await CliSpm.RunAsync("domain", "remove", "--lun", lun.Path, "--yes")).Refused("host id 1", "--wait");
            (await CliSpm.RunAsync("domain", "check", "--lun", lun.Path)).Succeeded();
            var dump = Path.Combine(state, "dump");
            (await CliSpm.RunAsync("metadata", "dump", "--lun", lun.Path, "--output", dump)).Succeeded();
            (await CliSpm.RunAsync("metadata", "restore", "--lun", lun.Path, "--file", dump, "--yes")).Refused("host id 1", "--wait");
            // It still stands there as held when it is looked at again under the lease, and is as dead as before.
            (await CliSpm.RunAsync("metadata", "restore", "--lun", lun.Path, "--file", dump, "--yes", "--wait")).Succeeded();
            (await CliSpm.RunAsync("domain", "remove", "--lun", lun.Path, "--yes", "--wait")).Succeeded();
        }
        finally
        {
            Directory.Delete(state, recursive: true);
        }

        Assert.Equal("", lun.Lvm.MustRun("pvs", "--noheadings").Output.Trim());
        if (CliTool.Exists("wipefs"))
        {
            Assert.Equal("", (await CliTool.RunAsync("wipefs", lun.Path)).Trim());
        }
        (await CliSpm.RunAsync("domain", "info", "--lun", lun.Path)).Refused("no volume group");
        await lun.CreateDomainAsync();
    }
}
