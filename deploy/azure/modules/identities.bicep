// Who acts: each part has an identity of its own, and none has a secret.
param name string
param location string

resource watcher 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${name}-watcher'
  location: location
}

resource server 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${name}-server'
  location: location
}

resource driver 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${name}-driver'
  location: location
}

resource worker 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${name}-worker'
  location: location
}

output watcherName string = watcher.name
output watcherClientId string = watcher.properties.clientId
output watcherPrincipalId string = watcher.properties.principalId
output serverName string = server.name
output serverClientId string = server.properties.clientId
output serverPrincipalId string = server.properties.principalId
output driverName string = driver.name
output driverClientId string = driver.properties.clientId
output driverPrincipalId string = driver.properties.principalId
output workerName string = worker.name
output workerClientId string = worker.properties.clientId
output workerPrincipalId string = worker.properties.principalId
