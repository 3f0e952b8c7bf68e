return await OvirtSpm.Node.Cli.SpmCommand.RunAsync(args);
