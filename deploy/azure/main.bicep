// Everything that Impasto needs in one resource group: two stores, a cluster whose GPUs come and go,
// and the queue that tells of new media. What costs while nothing runs is in README.md.
targetScope = 'resourceGroup'

@description('Begins the names of all resources: small letters and digits.')
@minLength(3)
@maxLength(8)
param name string = 'impasto'

param location string = resourceGroup().location

@description('Id of the person or group who drops media and fetches results, of type operatorType; empty: nobody.')
param operatorId string = ''

@description('What operatorId is.')
@allowed([
  'Group'
  'User'
])
param operatorType string = 'User'

@description('Addresses from which the data account is reached, such as 203.0.113.7; none: only from the network.')
param dataRanges array = []

@description('Origins of the page, whose uploads go from the browser straight to the data account; 5 at most.')
@maxLength(5)
param pageOrigins array = [
  'http://127.0.0.1:8710'
]

@description('Addresses from which the API of the cluster is reached, such as 203.0.113.7/32.')
@minLength(1)
param adminRanges array

@description('Size of the GPU machines.')
param gpuSize string = 'Standard_NC4as_T4_v3'

@description('GPU machines at most, of each kind; there are none while no job runs.')
@minValue(1)
@maxValue(100)
param gpuMax int = 8

@description('Prefer GPU machines of the spot market.')
param gpuSpot bool = true

@description('Encrypt the stores with a key of your own, in the vault.')
param customerKey bool = false

@description('Days after which what lies in the inbox is deleted.')
param inboxDays int = 180

@description('What a month may cost before mail is sent, in the currency of the subscription.')
param budget int = 200

@description('Who gets that mail; empty: no budget.')
param budgetEmails array = []

@description('First day of the budget: give that of the first deployment again, since it cannot change.')
param budgetBegins string = utcNow('yyyy-MM-01')

@description('Namespace of Impasto in the cluster.')
param namespace string = 'impasto'

var unique = take(uniqueString(resourceGroup().id), 10)
var reader = '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
var contributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
var operators = empty(operatorId) ? [] : [
  {
    id: operatorId
    type: operatorType
  }
]
var zoneNames = [
  'privatelink.blob.${environment().suffixes.storage}'
  'privatelink.queue.${environment().suffixes.storage}'
  'privatelink.azurecr.io'
  'privatelink.vaultcore.azure.net'
]

module network 'modules/network.bicep' = {
  name: 'network'
  params: {
    name: name
    location: location
    zoneNames: zoneNames
  }
}

module identities 'modules/identities.bicep' = {
  name: 'identities'
  params: {
    name: name
    location: location
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  params: {
    name: '${name}-${unique}'
    location: location
    withKey: customerKey
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  params: {
    name: name
    location: location
  }
}

// Sources, paintings and results. Outsiders may be given signatures for the inbox.
module data 'modules/storage.bicep' = {
  name: 'data'
  params: {
    name: '${name}data${unique}'
    location: location
    containers: [
      'inbox'
      'media'
    ]
    queues: [
      'arrivals'
    ]
    ranges: dataRanges
    origins: pageOrigins
    fadingPrefixes: [
      'inbox/'
    ]
    fadingDays: inboxDays
    signers: concat([
      {
        id: identities.outputs.serverPrincipalId
        type: 'ServicePrincipal'
      }
    ], operators)
    vaultUri: vault.outputs.vaultUri
    keyName: vault.outputs.keyName
    keyIdentityId: vault.outputs.keyIdentityId
  }
}

// Jobs, logs, scripts and weights. Nobody outside reaches it, whatever they hold.
module control 'modules/storage.bicep' = {
  name: 'control'
  params: {
    name: '${name}ctrl${unique}'
    location: location
    containers: [
      'control'
    ]
    vaultUri: vault.outputs.vaultUri
    keyName: vault.outputs.keyName
    keyIdentityId: vault.outputs.keyIdentityId
  }
}

module cluster 'modules/cluster.bicep' = {
  name: 'cluster'
  params: {
    name: name
    location: location
    networkName: network.outputs.networkName
    nodesId: network.outputs.nodesId
    adminRanges: adminRanges
    gpuSize: gpuSize
    gpuMax: gpuMax
    gpuSpot: gpuSpot
    watcherName: identities.outputs.watcherName
    serverName: identities.outputs.serverName
    driverName: identities.outputs.driverName
    workerName: identities.outputs.workerName
    namespace: namespace
  }
}

module registry 'modules/registry.bicep' = {
  name: 'registry'
  params: {
    name: '${name}${unique}'
    location: location
    pullerPrincipalId: cluster.outputs.pullerPrincipalId
  }
}

module dataBlobs 'modules/endpoint.bicep' = {
  name: 'data-blobs'
  params: {
    name: '${name}-data-blobs'
    location: location
    subnetId: network.outputs.endpointsId
    serviceId: data.outputs.accountId
    group: 'blob'
    zoneId: network.outputs.zoneIds[0]
  }
}

module dataQueues 'modules/endpoint.bicep' = {
  name: 'data-queues'
  params: {
    name: '${name}-data-queues'
    location: location
    subnetId: network.outputs.endpointsId
    serviceId: data.outputs.accountId
    group: 'queue'
    zoneId: network.outputs.zoneIds[1]
  }
}

module controlBlobs 'modules/endpoint.bicep' = {
  name: 'control-blobs'
  params: {
    name: '${name}-control-blobs'
    location: location
    subnetId: network.outputs.endpointsId
    serviceId: control.outputs.accountId
    group: 'blob'
    zoneId: network.outputs.zoneIds[0]
  }
}

module images 'modules/endpoint.bicep' = {
  name: 'images'
  params: {
    name: '${name}-images'
    location: location
    subnetId: network.outputs.endpointsId
    serviceId: registry.outputs.registryId
    group: 'registry'
    zoneId: network.outputs.zoneIds[2]
  }
}

module secrets 'modules/endpoint.bicep' = {
  name: 'secrets'
  params: {
    name: '${name}-secrets'
    location: location
    subnetId: network.outputs.endpointsId
    serviceId: vault.outputs.vaultId
    group: 'vault'
    zoneId: network.outputs.zoneIds[3]
  }
}

// The watcher, the service and the drivers read the inbox, write results, and keep jobs.
var leaders = [
  'watcherPrincipalId'
  'serverPrincipalId'
  'driverPrincipalId'
]

module leadersInbox 'modules/role.bicep' = [for leader in leaders: {
  name: 'inbox-${leader}'
  params: {
    accountName: data.outputs.accountName
    containerName: 'inbox'
    principalId: identities.outputs[leader]
    roleId: reader
  }
}]

module leadersMedia 'modules/role.bicep' = [for leader in leaders: {
  name: 'media-${leader}'
  params: {
    accountName: data.outputs.accountName
    containerName: 'media'
    principalId: identities.outputs[leader]
    roleId: contributor
  }
}]

module leadersControl 'modules/role.bicep' = [for leader in leaders: {
  name: 'control-${leader}'
  params: {
    accountName: control.outputs.accountName
    containerName: 'control'
    principalId: identities.outputs[leader]
    roleId: contributor
  }
}]

// Workers run code and models of others: they read media, and write below the jobs alone.
module workerMedia 'modules/role.bicep' = [for container in ['inbox', 'media']: {
  name: '${container}-worker'
  params: {
    accountName: data.outputs.accountName
    containerName: container
    principalId: identities.outputs.workerPrincipalId
    roleId: reader
  }
}]

module workerControl 'modules/role.bicep' = {
  name: 'control-worker'
  params: {
    accountName: control.outputs.accountName
    containerName: 'control'
    principalId: identities.outputs.workerPrincipalId
    roleId: contributor
    writableFolder: 'impasto/jobs/'
  }
}

module operatorMedia 'modules/role.bicep' = [for container in ['inbox', 'media']: if (!empty(operatorId)) {
  name: '${container}-operator'
  params: {
    accountName: data.outputs.accountName
    containerName: container
    principalId: operatorId
    principalType: operatorType
    roleId: contributor
  }
}]

module events 'modules/events.bicep' = {
  name: 'events'
  params: {
    name: name
    location: location
    accountName: data.outputs.accountName
    queueName: 'arrivals'
    inbox: 'inbox'
    readerPrincipalId: identities.outputs.watcherPrincipalId
  }
}

module money 'modules/budget.bicep' = if (!empty(budgetEmails)) {
  name: 'budget'
  params: {
    name: name
    amount: budget
    emails: budgetEmails
    begins: budgetBegins
  }
}

output clusterName string = cluster.outputs.clusterName
output registryName string = registry.outputs.registryName
output registryServer string = registry.outputs.registryServer
output dataAccount string = data.outputs.accountName
output controlAccount string = control.outputs.accountName
output queueUrl string = 'https://${data.outputs.accountName}.queue.${environment().suffixes.storage}/arrivals'
output watcherClientId string = identities.outputs.watcherClientId
output serverClientId string = identities.outputs.serverClientId
output driverClientId string = identities.outputs.driverClientId
output workerClientId string = identities.outputs.workerClientId
output gpuMax int = gpuMax
output gpuSpot bool = gpuSpot
output insightsName string = monitoring.outputs.insightsName
